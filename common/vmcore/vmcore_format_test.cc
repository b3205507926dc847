// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/vmcore_format.h"

#include <gtest/gtest.h>

#include <string>

namespace crashdump {
namespace {

TEST(VmcoreFormat, NamesAreThoseOfOptionsAndConfiguration) {
  EXPECT_EQ(ParseVmcoreFormat("kdump").value(), VmcoreFormat::kKdump);
  EXPECT_EQ(ParseVmcoreFormat("elf").value(), VmcoreFormat::kElf);
  EXPECT_EQ(ParseVmcoreFormat("crashdump").value(), VmcoreFormat::kCrashdump);
  for (const VmcoreFormat format : {VmcoreFormat::kKdump, VmcoreFormat::kElf, VmcoreFormat::kCrashdump}) {
    EXPECT_EQ(ParseVmcoreFormat(VmcoreFormatName(format)).value(), format);
  }
  EXPECT_EQ(ParsePageCompression("zstd").value(), PageCompression::kZstd);
  EXPECT_EQ(ParsePageCompression("zlib").value(), PageCompression::kZlib);
  EXPECT_EQ(ParsePageCompression("none").value(), PageCompression::kNone);
}

TEST(VmcoreFormat, OtherWordsAreRefusedWithThoseThatThereAre) {
  for (const char* const word : {"", "ELF", "kdump ", "lzo"}) {
    const auto format = ParseVmcoreFormat(word);
    ASSERT_FALSE(format.ok());
    EXPECT_EQ(format.error().text(), "\"" + std::string(word) + "\" is none of kdump, elf, crashdump");
    EXPECT_FALSE(ParsePageCompression(word).ok());
  }
}

}  // namespace
}  // namespace crashdump
