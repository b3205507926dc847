// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/zstd_filter.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>
#include <zstd.h>

#include <string>
#include <vector>

#include "common/base/io.h"
#include "common/base/units.h"
#include "common/testing/random.h"
#include "common/testing/temp_directory.h"

namespace crashdump {
namespace {

class ZstdFilterTest : public testing::Test {
 protected:
  // What comes out, or the error.
  Result<std::string> Filter(std::vector<std::string> arguments, std::string_view input) {
    std::vector<char*> pointers;
    pointers.reserve(arguments.size());
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    const UniqueFd in = TRY(OpenFile(directory_.WriteFile("input", input).c_str(), O_RDONLY));
    const std::string path = directory_.WriteFile("output", "");
    const UniqueFd out = TRY(OpenFile(path.c_str(), O_WRONLY | O_TRUNC));
    TRY(FilterZstd(pointers, in.get(), out.get()));
    return ReadTextFile(path.c_str(), 64 * kMiB);
  }

  void ExpectError(std::vector<std::string> arguments, std::string_view input, std::string_view words) {
    const Result<std::string> result = Filter(std::move(arguments), input);
    ASSERT_FALSE(result.ok());
    EXPECT_NE(std::string_view(result.error().text()).find(words), std::string::npos) << result.error().text();
  }

  // Larger than all buffers and the window; a part of it cannot be compressed.
  std::string Sample() {
    Random random(1);
    std::string text;
    for (int i = 0; text.size() < 3 * kMiB; ++i) {
      text += "line " + std::to_string(i) + " of many\n";
      if (i % 8 == 0) text += std::string(50, static_cast<char>(random.Below(256)));
    }
    for (uint64_t i = 0; i < 300'000; ++i) text += static_cast<char>(random.Below(256));
    return text;
  }

  static std::string Unpack(const std::string& packed, size_t size) {
    std::string plain(size, '\0');
    const size_t got = ZSTD_decompress(plain.data(), plain.size(), packed.data(), packed.size());
    EXPECT_EQ(got, size) << ZSTD_getErrorName(got);
    return plain;
  }

  TempDirectory directory_;
};

TEST_F(ZstdFilterTest, LosesNothing) {
  const std::string sample = Sample();
  for (const char* level : {"-1", "-3", "-19"}) {
    const Result<std::string> packed = Filter({level, "-c"}, sample);
    ASSERT_TRUE(packed.ok()) << packed.error().text();
    EXPECT_LT(packed.value().size(), sample.size() / 2) << level;
    EXPECT_EQ(Unpack(packed.value(), sample.size()), sample);
  }
  EXPECT_EQ(Unpack(Filter({}, "").value(), 0), "");
}

TEST_F(ZstdFilterTest, WhoUnpacksItNeedsAMebibyte) {
  for (const char* level : {"-1", "-19"}) {
    const std::string packed = Filter({level}, Sample()).value();
    // RFC 8878, 3.1.1.1.2: behind the magic and a descriptor without a content size, an exponent and an eighth of it.
    ASSERT_GE(packed.size(), 6U);
    const unsigned descriptor = static_cast<uint8_t>(packed[5]);
    EXPECT_LE((uint64_t{1} << (10 + (descriptor >> 3))) / 8 * (8 + (descriptor & 7)), kMiB) << level;
  }
}

TEST_F(ZstdFilterTest, WrongArgumentsAreNamed) {
  for (const char* wrong : {"-0", "-20", "--ultra", "file", "-", "-d", "7"}) {
    ExpectError({wrong}, "", std::string("zstd: ") + wrong + " is not known here; usage: zstd ");
  }
}

TEST_F(ZstdFilterTest, GivesATerminalNothing) {
  const UniqueFd terminal(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(terminal.valid());
  const UniqueFd null = OpenFile("/dev/null", O_RDWR).TakeValue();
  const Result<> result = FilterZstd({}, null.get(), terminal.get());
  ASSERT_FALSE(result.ok());
  EXPECT_NE(std::string_view(result.error().text()).find("nothing for a terminal"), std::string::npos);
}

TEST_F(ZstdFilterTest, AFullDiskIsAnError) {
  const UniqueFd full = OpenFile("/dev/full", O_WRONLY).TakeValue();
  const UniqueFd null = OpenFile("/dev/null", O_RDONLY).TakeValue();
  const Result<> result = FilterZstd({}, null.get(), full.get());
  ASSERT_FALSE(result.ok());
  EXPECT_TRUE(std::string_view(result.error().text()).starts_with("zstd: write of ")) << result.error().text();
  EXPECT_EQ(result.error().os_error(), ENOSPC);
}

}  // namespace
}  // namespace crashdump
