// SPDX-License-Identifier: GPL-2.0-or-later
// zstd frames from arbitrary bytes, as a forged payload or a damaged chunk would be. Two bytes of the input state how
// many bytes should come out, the rest is the frame: whatever it claims, no more than that is written, and a frame that
// is accepted holds exactly that.
// Fuzzes: frame.cc
#include <algorithm>
#include <vector>

#include "common/format/frame.h"
#include "common/format/object.h"
#include "common/testing/dump_builder.h"
#include "common/testing/fuzzer.h"

namespace crashdump {
namespace {

constexpr size_t kHeadBytes = 2;
constexpr size_t kGuardBytes = 64;
constexpr uint8_t kGuard = 0xA5;

void Run(Bytes input) {
  static FrameDecoder decoder = FrameDecoder::Create().TakeValue();
  if (input.size() < kHeadBytes) return;
  const size_t plain_bytes = input[0] + size_t{256} * input[1];
  const Bytes frame = input.subspan(kHeadBytes);
  std::vector<uint8_t> buffer(plain_bytes + kGuardBytes, kGuard);
  const MutableBytes plain = MutableBytes(buffer).first(plain_bytes);
  const Result<> decoded = decoder.Decode(frame, plain);
  const Bytes guard = Bytes(buffer).last(kGuardBytes);
  Require(std::all_of(guard.begin(), guard.end(), [](uint8_t byte) { return byte == kGuard; }));
  if (!decoded.ok()) return;
  // Nothing of an earlier frame stays in the decoder: the same frame gives the same bytes.
  const std::vector<uint8_t> first(plain.begin(), plain.end());
  std::fill(plain.begin(), plain.end(), kGuard);
  Require(decoder.Decode(frame, plain).ok() && Equal(plain, first));
  // One byte more or less is another length than stated.
  Require(!decoder.Decode(frame, buffer).ok());
  Require(plain.empty() || !decoder.Decode(frame, plain.first(plain.size() - 1)).ok());
  Require(frame.empty() || !decoder.Decode(frame.first(frame.size() - 1), plain).ok());
}

testing::FuzzerInput Seed(Bytes plain, int level) {
  FrameCompressor compressor = FrameCompressor::Create({level, level}, UINT16_MAX).TakeValue();
  std::vector<uint8_t> out(static_cast<size_t>(MaxStoredLength(plain.size())));
  const Bytes frame = compressor.Compress(plain, out).TakeValue();
  testing::FuzzerInput input = {static_cast<uint8_t>(plain.size()), static_cast<uint8_t>(plain.size() >> 8)};
  input.insert(input.end(), frame.begin(), frame.end());
  return input;
}

// Blocks of every kind: compressed, of one byte, and stored as they are.
std::vector<testing::FuzzerInput> Seeds() {
  std::vector<uint8_t> noise(300);
  for (size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<uint8_t>((i * i * 2654435761U) >> 13);
  return {Seed(TestPage(1, 4096), 1), Seed(TestPage(2, 4096), 3), Seed(std::vector<uint8_t>(5000), 1), Seed(noise, 1),
          Seed({}, 1)};
}

const testing::Fuzzer fuzzer("frame", Run, Seeds);

}  // namespace
}  // namespace crashdump
