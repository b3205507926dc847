// SPDX-License-Identifier: GPL-2.0-or-later
// A stamp is the bytes that its contents encode to, and nothing else is one.
#include <algorithm>

#include "common/crypto/crypto.h"
#include "common/storage/stamp.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace crashdump;  // NOLINT(google-build-using-namespace)
  static const bool is_ready = InitializeCrypto().ok();
  Require(is_ready);
  if (size == 0) return 0;
  const StampKind kind = (data[0] & 1) != 0 ? StampKind::kStart : StampKind::kEnd;
  StampBytes bytes{};
  memcpy(bytes.data(), data + 1, std::min(size - 1, bytes.size()));
  if ((data[0] & 2) != 0) {
    // A right checksum, so that the fuzzer gets past it.
    const Hash checksum = Hash256(Bytes(bytes).first(offsetof(StampOnDisk, checksum)));
    memcpy(bytes.data() + offsetof(StampOnDisk, checksum), checksum.data(), checksum.size());
  }
  const Result<Stamp> stamp = DecodeStamp(bytes, kind);
  if (stamp.ok()) Require(EncodeStamp(stamp.value(), kind) == bytes);
  return 0;
}
