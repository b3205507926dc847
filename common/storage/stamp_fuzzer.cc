// SPDX-License-Identifier: GPL-2.0-or-later
// A stamp is the bytes that its contents encode to, and nothing else is one. The first byte of the input chooses.
// Fuzzes: stamp.cc
#include <algorithm>

#include "common/crypto/crypto.h"
#include "common/storage/stamp.h"
#include "common/testing/fuzzer.h"

namespace crashdump {
namespace {

constexpr uint8_t kIsStart = 1;
constexpr uint8_t kRightChecksum = 2;  // so that the fuzzer gets past it

void Run(Bytes input) {
  static const bool is_ready = InitializeCrypto().ok();
  Require(is_ready);
  if (input.empty()) return;
  const StampKind kind = (input[0] & kIsStart) != 0 ? StampKind::kStart : StampKind::kEnd;
  StampBytes bytes{};
  std::copy_n(input.begin() + 1, std::min(input.size() - 1, bytes.size()), bytes.begin());
  if ((input[0] & kRightChecksum) != 0) {
    const Hash checksum = Hash256(Bytes(bytes).first(offsetof(StampOnDisk, checksum)));
    memcpy(bytes.data() + offsetof(StampOnDisk, checksum), checksum.data(), checksum.size());
  }
  const Result<Stamp> stamp = DecodeStamp(bytes, kind);
  if (stamp.ok()) Require(EncodeStamp(stamp.value(), kind) == bytes);
}

std::vector<testing::FuzzerInput> Seeds() {
  Require(InitializeCrypto().ok());
  const Stamp stamp = {.region_id = {'i', 'd'},
                       .region = {64 * kMiB, 128 * kMiB},
                       .page_size = 4096,
                       .original_last_page = static_cast<uint32_t>(128 * kMiB / 4096 - 1)};
  Require(DecodeStamp(EncodeStamp(stamp, StampKind::kStart), StampKind::kStart).ok());
  return {testing::FuzzerInputOf(kIsStart, EncodeStamp(stamp, StampKind::kStart)),
          testing::FuzzerInputOf(kIsStart | kRightChecksum, EncodeStamp(stamp, StampKind::kStart)),
          testing::FuzzerInputOf(kRightChecksum, EncodeStamp(stamp, StampKind::kEnd))};
}

const testing::Fuzzer fuzzer("stamp", Run, Seeds);

}  // namespace
}  // namespace crashdump
