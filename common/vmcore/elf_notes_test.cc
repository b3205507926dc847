// SPDX-License-Identifier: GPL-2.0-or-later
// ElfNoteReader over good and damaged notes.
#include "common/vmcore/elf_notes.h"

#include <gtest/gtest.h>

#include <vector>

namespace crashdump {
namespace {

std::vector<uint8_t> Note(uint32_t name_bytes, uint32_t descriptor_bytes, uint32_t type, std::string_view body,
                          ByteOrder order = ByteOrder::kLittle) {
  std::vector<uint8_t> note(12);
  StoreInteger(MutableBytes(note).subspan(0, 4), name_bytes, order);
  StoreInteger(MutableBytes(note).subspan(4, 4), descriptor_bytes, order);
  StoreInteger(MutableBytes(note).subspan(8, 4), type, order);
  note.insert(note.end(), body.begin(), body.end());
  return note;
}

std::vector<uint8_t> Join(const std::vector<std::vector<uint8_t>>& parts) {
  std::vector<uint8_t> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

class ElfNotesOrders : public ::testing::TestWithParam<ByteOrder> {};

TEST_P(ElfNotesOrders, NotesInSequence) {
  using std::literals::operator""sv;
  const std::vector<uint8_t> bytes = Join({Note(5, 3, 1, "CORE\0\0\0\0abc\0"sv, GetParam()),
                                           Note(0, 0, 0, "", GetParam()),  // the end of a CPU's buffer
                                           Note(3, 2, 0x4642, "QE\0\0xy"sv, GetParam())});
  ElfNoteReader reader(bytes, GetParam());
  Result<std::optional<ElfNote>> note = reader.Next();
  ASSERT_TRUE(note.ok() && note.value());
  EXPECT_EQ(note.value()->name, "CORE");
  EXPECT_EQ(note.value()->type, 1U);
  EXPECT_EQ(TextOf(note.value()->descriptor), "abc");
  note = reader.Next();
  ASSERT_TRUE(note.ok() && note.value());
  EXPECT_EQ(note.value()->name, "QE");
  EXPECT_EQ(note.value()->type, 0x4642U);
  EXPECT_EQ(TextOf(note.value()->descriptor), "xy");  // the last one's padding is missing
  note = reader.Next();
  ASSERT_TRUE(note.ok());
  EXPECT_FALSE(note.value());
}

INSTANTIATE_TEST_SUITE_P(Both, ElfNotesOrders, ::testing::Values(ByteOrder::kLittle, ByteOrder::kBig));

TEST(ElfNotes, SizesThatDoNotFitEndTheWalk) {
  using std::literals::operator""sv;
  for (const std::vector<uint8_t>& bad :
       {Note(5, 100, 1, "CORE\0\0\0\0abcd"sv), Note(5, 5, 1, "CORE\0\0\0\0abcd"sv), Note(100, 0, 1, "CORE"sv),
        Note(UINT32_MAX, UINT32_MAX, 1, "CORE"sv), Note(0, UINT32_MAX, 1, ""), Note(UINT32_MAX, 0, 1, "")}) {
    const std::vector<uint8_t> bytes = Join({Note(1, 0, 7, "\0\0\0\0"sv), bad});
    ElfNoteReader reader(bytes, ByteOrder::kLittle);
    Result<std::optional<ElfNote>> note = reader.Next();
    ASSERT_TRUE(note.ok() && note.value());
    EXPECT_EQ(note.value()->type, 7U);
    note = reader.Next();
    ASSERT_FALSE(note.ok());
    EXPECT_EQ(note.error().code(), ErrorCode::kCorrupt);
    EXPECT_EQ(std::string_view(note.error().text()).substr(0, 10), "note at 16");
    note = reader.Next();
    ASSERT_TRUE(note.ok());
    EXPECT_FALSE(note.value());
  }
}

TEST(ElfNotes, EmptyAndTooShort) {
  for (size_t size = 0; size < 12; ++size) {
    const std::vector<uint8_t> bytes(size, 0xff);
    ElfNoteReader reader(bytes, ByteOrder::kLittle);
    const Result<std::optional<ElfNote>> note = reader.Next();
    ASSERT_TRUE(note.ok());
    EXPECT_FALSE(note.value());
  }
}

}  // namespace
}  // namespace crashdump
