// SPDX-License-Identifier: GPL-2.0-or-later
// Vmcoreinfo over what kernels write and over what they never would.
#include "common/vmcore/vmcoreinfo.h"

#include <gtest/gtest.h>

namespace crashdump {
namespace {

Vmcoreinfo Make(std::string_view text) { return Vmcoreinfo(BytesOf(text)); }

constexpr std::string_view kKernel =
    "OSRELEASE=6.1.0-56-amd64\nBUILD-ID=abc\nPAGESIZE=4096\nSYMBOL(init_uts_ns)=ffffffff8361a200\n"
    "OFFSET(uts_namespace.name)=0\nSYMBOL(prb)=ffffffff82a3bb40\nSIZE(page)=64\nLENGTH(zone.free_area)=11\n"
    "NUMBER(phys_base)=-16777216\nNUMBER(VMALLOC_START)=0xffffc90000000000\nNUMBER(PG_lru)=4\n"
    "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129\nKERNELOFFSET=2be00000\nCONFIG_X86_PAE=y\nCRASHTIME=1795392000\n";

TEST(Vmcoreinfo, ValuesByKind) {
  const Vmcoreinfo info = Make(kKernel);
  EXPECT_EQ(info.text(), kKernel);
  EXPECT_EQ(info.OsRelease().value(), "6.1.0-56-amd64");
  EXPECT_EQ(info.PageSize().value(), 4096U);
  EXPECT_EQ(info.CrashTime().value(), 1795392000U);
  EXPECT_EQ(info.KernelOffset().value(), 0x2be00000U);
  EXPECT_EQ(info.Symbol("prb").value(), 0xffffffff82a3bb40U);
  EXPECT_EQ(info.Size("page").value(), 64U);
  EXPECT_EQ(info.Offset("uts_namespace.name").value(), 0U);
  EXPECT_EQ(info.Length("zone.free_area").value(), 11U);
  EXPECT_EQ(info.Number("phys_base").value(), -16777216);
  EXPECT_EQ(info.Number("PG_lru").value(), 4);
  EXPECT_EQ(info.Number("PAGE_BUDDY_MAPCOUNT_VALUE").value(), -129);
  EXPECT_EQ(static_cast<uint64_t>(info.Number("VMALLOC_START").value()), 0xffffc90000000000U);
  EXPECT_EQ(info.Find("CONFIG_X86_PAE"), "y");
  EXPECT_FALSE(info.Find("CONFIG_X86"));
}

TEST(Vmcoreinfo, StaysValidWhenMoved) {
  Vmcoreinfo info = Make("PAGESIZE=4096\n");
  const Vmcoreinfo moved = std::move(info);
  EXPECT_EQ(moved.PageSize().value(), 4096U);
}

TEST(Vmcoreinfo, MissingKeysAreNamed) {
  const Vmcoreinfo info = Make(kKernel);
  const Result<uint64_t> value = info.Offset("page.flags");
  ASSERT_FALSE(value.ok());
  EXPECT_EQ(value.error().code(), ErrorCode::kNotFound);
  EXPECT_STREQ(value.error().text(), "VMCOREINFO lacks OFFSET(page.flags)");
}

TEST(Vmcoreinfo, BadValuesAreNamed) {
  const Vmcoreinfo info = Make(
      "SYMBOL(a)=xyz\nSYMBOL(b)=\nSYMBOL(c)=11111111111111111\nSIZE(a)=-1\nSIZE(b)=18446744073709551616\n"
      "NUMBER(a)=--1\nNUMBER(b)=-9223372036854775809\nNUMBER(c)=0x\nSIZE(c)=1 \nPAGESIZE=4095\nCRASHTIME=\n");
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_EQ(info.Symbol(name).error().code(), ErrorCode::kCorrupt) << name;
    EXPECT_EQ(info.Size(name).error().code(), ErrorCode::kCorrupt) << name;
    EXPECT_EQ(info.Number(name).error().code(), ErrorCode::kCorrupt) << name;
  }
  EXPECT_STREQ(info.PageSize().error().text(), "VMCOREINFO: PAGESIZE has no valid value");
  EXPECT_EQ(info.CrashTime().error().code(), ErrorCode::kCorrupt);
  for (const char* size : {"0", "2048", "524288", "-4096", "4096\n"}) {
    EXPECT_EQ(Make(std::string("PAGESIZE=") + size).PageSize().ok(), std::string_view(size) == "4096\n") << size;
  }
  EXPECT_EQ(Make("NUMBER(x)=-9223372036854775808").Number("x").value(), INT64_MIN);
}

TEST(Vmcoreinfo, OddTextIsKeptAndIgnored) {
  using std::literals::operator""sv;
  const Vmcoreinfo info = Make("\n=\n==\nno equals\nSIZE(a)=1\nSIZE(a)=2\nSIZE(b)=3\0SIZE(c)=4\n"sv);
  EXPECT_EQ(info.Size("a").value(), 1U);  // the first
  EXPECT_EQ(info.Size("b").value(), 3U);
  EXPECT_FALSE(info.Size("c").ok());  // behind the text's end
  EXPECT_FALSE(info.Find(""));
  EXPECT_FALSE(Make("").Find("x"));
}

TEST(Vmcoreinfo, LengthIsBounded) {
  std::string text(Vmcoreinfo::kMaxBytes, 'x');
  text += "\nSIZE(a)=1\n";
  const Vmcoreinfo info = Make(text);
  EXPECT_EQ(info.text().size(), Vmcoreinfo::kMaxBytes);
  EXPECT_FALSE(info.Size("a").ok());
}

TEST(Vmcoreinfo, FillKnowsRequiredOptionalAndMaximum) {
  const Vmcoreinfo info = Make("SIZE(page)=64\nOFFSET(page.flags)=9\nNUMBER(bad)=x\n");
  using enum VmcoreinfoField::Presence;
  uint64_t size = 0, flags = 0, optional = 77;
  ASSERT_TRUE(info.Fill({{VmcoreinfoKind::kSize, "page", &size},
                         {VmcoreinfoKind::kOffset, "page.flags", &flags, kRequired, 9},
                         {VmcoreinfoKind::kOffset, "page.none", &optional, kOptional}})
                  .ok());
  EXPECT_EQ(size, 64U);
  EXPECT_EQ(flags, 9U);
  EXPECT_EQ(optional, 77U);
  EXPECT_STREQ(info.Fill({{VmcoreinfoKind::kOffset, "page.none", &optional}}).error().text(),
               "VMCOREINFO lacks OFFSET(page.none)");
  EXPECT_STREQ(info.Fill({{VmcoreinfoKind::kOffset, "page.flags", &flags, kRequired, 8}}).error().text(),
               "VMCOREINFO: OFFSET(page.flags) is 9, above 8");
  EXPECT_EQ(info.Fill({{VmcoreinfoKind::kNumber, "bad", &optional, kOptional}}).error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(optional, 77U);
}

}  // namespace
}  // namespace crashdump
