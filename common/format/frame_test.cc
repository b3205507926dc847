// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/frame.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "common/base/units.h"
#include "common/format/object.h"

namespace crashdump {
namespace {

std::vector<uint8_t> Noise(size_t bytes) {
  std::minstd_rand generator(1);
  std::vector<uint8_t> noise(bytes);
  for (uint8_t& byte : noise) byte = static_cast<uint8_t>(generator() >> 8);
  return noise;
}

std::vector<uint8_t> Text(size_t bytes) {
  std::vector<uint8_t> text(bytes);
  for (size_t i = 0; i < bytes; ++i) text[i] = static_cast<uint8_t>("kernel panic - not syncing"[i * i / 7 % 26]);
  return text;
}

TEST(FrameCompressor, LevelsGiveBackWhatTheyGot) {
  FrameDecoder decoder = FrameDecoder::Create().TakeValue();
  for (const int level : {kMinCompressionLevel, 2, 3, 6, 13, kMaxCompressionLevel}) {  // one of each strategy
    FrameCompressor compressor = FrameCompressor::Create(level, 300'000).TakeValue();
    for (const size_t bytes : {size_t{0}, size_t{1}, size_t{4096}, size_t{131073}, size_t{300'000}}) {
      for (const std::vector<uint8_t>& plain : {Noise(bytes), Text(bytes), std::vector<uint8_t>(bytes)}) {
        std::vector<uint8_t> out(static_cast<size_t>(MaxStoredLength(bytes)));
        const Result<Bytes> frame = compressor.Compress(plain, out);
        ASSERT_TRUE(frame.ok()) << level << ' ' << bytes << ' ' << frame.error().text();
        std::vector<uint8_t> again(bytes);
        const Result<> decoded = decoder.Decode(frame.value(), again);
        ASSERT_TRUE(decoded.ok()) << level << ' ' << bytes << ' ' << decoded.error().text();
        EXPECT_EQ(again, plain);
      }
    }
  }
}

TEST(FrameCompressor, DoesNotRememberEarlierInput) {
  FrameCompressor compressor = FrameCompressor::Create(3, 100'000).TakeValue();
  std::vector<uint8_t> first(MaxStoredLength(50'000));
  std::vector<uint8_t> second(first.size());
  const Bytes a = compressor.Compress(Text(50'000), first).TakeValue();
  ASSERT_TRUE(compressor.Compress(Noise(50'000), second).ok());
  const Bytes b = compressor.Compress(Text(50'000), second).TakeValue();
  EXPECT_TRUE(Equal(a, b));
}

TEST(FrameCompressor, RefusesWhatItWasNotMadeFor) {
  EXPECT_FALSE(FrameCompressor::Create(0, 1000).ok());
  EXPECT_FALSE(FrameCompressor::Create(20, 1000).ok());
  FrameCompressor compressor = FrameCompressor::Create(1, 1000).TakeValue();
  std::vector<uint8_t> out(5000);
  EXPECT_FALSE(compressor.Compress(Noise(1001), out).ok());
  const Result<Bytes> small = compressor.Compress(Noise(1000), MutableBytes(out).first(100));
  ASSERT_FALSE(small.ok());
  EXPECT_EQ(small.error().code(), ErrorCode::kNoSpace);
  EXPECT_TRUE(compressor.Compress(Noise(1000), out).ok());  // and goes on after it
}

class FrameDecoding : public testing::Test {
 protected:
  Result<> Decode(Bytes frame, size_t plain_bytes) {
    std::vector<uint8_t> plain(plain_bytes);
    return decoder_.Decode(frame, plain);
  }
  FrameDecoder decoder_ = FrameDecoder::Create().TakeValue();
};

TEST_F(FrameDecoding, RefusesEverythingButOneFrameOfTheStatedSize) {
  FrameCompressor compressor = FrameCompressor::Create(1, 10'000).TakeValue();
  std::vector<uint8_t> frame(MaxStoredLength(10'000));
  frame.resize(compressor.Compress(Text(10'000), frame).value().size());
  const Result<> good = Decode(frame, 10'000);
  ASSERT_TRUE(good.ok()) << good.error().text();
  EXPECT_FALSE(Decode(frame, 9'999).ok());
  EXPECT_FALSE(Decode(frame, 10'001).ok());
  EXPECT_FALSE(Decode(Bytes(frame).first(frame.size() - 1), 10'000).ok());
  EXPECT_FALSE(Decode(Bytes{}, 0).ok());

  std::vector<uint8_t> two = frame;
  two.insert(two.end(), frame.begin(), frame.end());
  EXPECT_FALSE(Decode(two, 10'000).ok());
  EXPECT_FALSE(Decode(two, 20'000).ok());

  const std::vector<uint8_t> skippable = {0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0};
  EXPECT_FALSE(Decode(skippable, 0).ok());
  // A frame without a content size: descriptor 0, window descriptor, one empty last block.
  const std::vector<uint8_t> unsized = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0x01, 0x00, 0x00};
  EXPECT_FALSE(Decode(unsized, 0).ok());
}

}  // namespace
}  // namespace crashdump
