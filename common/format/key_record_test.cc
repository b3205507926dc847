// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/key_record.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <fstream>

#include "common/base/io.h"
#include "common/testing/dump_builder.h"

namespace crashdump {
namespace {

KeyRecord Example() {
  KeyRecord record;
  record.credentials = TestCredentials(7);
  record.slot_index = 3;
  record.slot_offset = 64 * kMiB + 3 * kSlotBytes;
  record.extent = {4096, 64 * kMiB};
  record.boot_id = "0b41b5b2-6c2a-4d53-9d7c-0a1b2c3d4e5f";
  record.swap_uuid = "5e1f9a3c-0000-4111-8222-123456789abc";
  record.created = 1'700'000'000;
  record.hints = {{"device.serial", "QM00001"}, {"device.model", "QEMU HARDDISK"}, {"description", ""}};
  return record;
}

std::string Replaced(std::string text, std::string_view what, std::string_view with) {
  const size_t at = text.find(what);
  Require(at != std::string::npos);
  return text.replace(at, what.size(), with);
}

TEST(KeyRecord, ComesBackFromItsText) {
  KeyRecord record = Example();
  record.recovered.resize(2);
  record.recovered[1].fill(0xAB);
  const Result<KeyRecord> parsed = KeyRecord::Parse(record.ToText());
  ASSERT_TRUE(parsed.ok()) << parsed.error().text();
  const KeyRecord& again = parsed.value();
  EXPECT_EQ(again.credentials.kind, KeyKind::kPlainFile);
  EXPECT_EQ(again.credentials.version, kDumpVersion);
  EXPECT_EQ(again.credentials.region_id, record.credentials.region_id);
  EXPECT_EQ(again.credentials.key_id, record.credentials.key_id);
  EXPECT_TRUE(Equal(again.credentials.authentication_key.bytes(), record.credentials.authentication_key.bytes()));
  EXPECT_TRUE(Equal(again.credentials.encryption_key.bytes(), record.credentials.encryption_key.bytes()));
  EXPECT_EQ(again.slot_index, record.slot_index);
  EXPECT_EQ(again.slot_offset, record.slot_offset);
  EXPECT_EQ(again.extent, record.extent);
  EXPECT_EQ(again.boot_id, record.boot_id);
  EXPECT_EQ(again.swap_uuid, record.swap_uuid);
  EXPECT_EQ(again.created, record.created);
  EXPECT_EQ(again.recovered, record.recovered);
  EXPECT_EQ(again.hints, record.hints);
  EXPECT_EQ(again.ToText(), record.ToText());
  EXPECT_TRUE(again.IsRecovered(record.recovered[1]));
  DumpId other{};
  other.fill(1);
  EXPECT_FALSE(again.IsRecovered(other));
}

TEST(KeyRecord, ArmingWithoutExtent) {
  KeyRecord record = Example();
  record.extent = {};
  const Result<KeyRecord> parsed = KeyRecord::Parse(record.ToText());
  ASSERT_TRUE(parsed.ok()) << parsed.error().text();
  EXPECT_TRUE(parsed.value().Layout(1).data.empty());
  EXPECT_EQ(parsed.value().Layout(2), RegionSlotLayout(record.slot_offset, {}, 2));
}

// Hints come from devices: whatever they hold, the record stays one.
TEST(KeyRecord, HintsCannotBreakTheText) {
  KeyRecord record = Example();
  record.hints = {{"device.serial", "a\nkind=none\x01 "}};
  const Result<KeyRecord> parsed = KeyRecord::Parse(record.ToText());
  ASSERT_TRUE(parsed.ok()) << parsed.error().text();
  ASSERT_EQ(parsed.value().hints.size(), 1U);
  EXPECT_EQ(parsed.value().hints[0].second, "a?kind=none?");
}

// For each line: left out, and twice.
TEST(KeyRecord, EveryLineIsNeededOnce) {
  KeyRecord record = Example();
  record.hints.clear();
  const std::string text = record.ToText();
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin) + 1;
    const std::string line = text.substr(begin, end - begin);
    EXPECT_FALSE(KeyRecord::Parse(Replaced(text, line, "")).ok()) << line;
    EXPECT_FALSE(KeyRecord::Parse(text + line).ok()) << line;
    begin = end;
  }
}

TEST(KeyRecord, OfSealedKeysHoldsThePrivateOneAndTheArmingDoesNot) {
  InitializeCrypto().TakeValue();
  const SealedCredentials credentials = TestSealedCredentials(7);
  KeyRecord record = Example();
  record.credentials = credentials.reader.Copy();
  const std::string text = record.ToText();
  EXPECT_EQ(text.find("encryption_key"), std::string::npos);
  const KeyRecord again = KeyRecord::Parse(text).TakeValue();
  EXPECT_EQ(again.credentials.kind, KeyKind::kSealed);
  EXPECT_TRUE(Equal(again.credentials.private_key.bytes(), record.credentials.private_key.bytes()));
  EXPECT_EQ(again.ToText(), text);

  KeyArming arming;
  arming.credentials = credentials.writer.Copy();
  arming.slot_offset = record.slot_offset;
  arming.extent = record.extent;
  const std::string travels = arming.ToText();
  EXPECT_EQ(travels.find("private_key"), std::string::npos);
  const KeyArming parsed = KeyArming::Parse(travels).TakeValue();
  EXPECT_EQ(parsed.credentials.sealed_key, arming.credentials.sealed_key);
  EXPECT_EQ(parsed.ToText(), travels);
  EXPECT_FALSE(KeyArming::Parse(Replaced(travels, "sealed_key=", "private_key=")).ok());
}

TEST(KeyRecord, RefusesWhatItCannotMean) {
  const std::string text = Example().ToText();
  ASSERT_TRUE(KeyRecord::Parse(text).ok());
  const auto code = [&](std::string_view what, std::string_view with) {
    const Result<KeyRecord> parsed = KeyRecord::Parse(Replaced(text, what, with));
    return parsed.ok() ? std::nullopt : std::optional(parsed.error().code());
  };
  EXPECT_EQ(code("form=key-record-1", "form=key-record-2"), ErrorCode::kUnsupported);
  EXPECT_EQ(code("dump_version=1", "dump_version=2"), ErrorCode::kUnsupported);
  // No dump on a disk is ever read without keys.
  EXPECT_EQ(code("kind=plain-file", "kind=none"), ErrorCode::kUnsupported);
  EXPECT_EQ(code("kind=plain-file", "kind=sealed"), ErrorCode::kCorrupt) << "has other keys";
  EXPECT_EQ(code("created=", "surprise=1\ncreated="), ErrorCode::kCorrupt);
  EXPECT_TRUE(code("key_id=07", "key_id=7").has_value());
  EXPECT_TRUE(code("authentication_key=07", "authentication_key=0x").has_value());
  EXPECT_TRUE(code("extent_begin=4096", "extent_begin=4097").has_value());
  EXPECT_TRUE(code("extent_begin=4096", "extent_begin=99999999999999").has_value());
  EXPECT_TRUE(code("extent_end=67108864", "extent_end=80000000").has_value());
  EXPECT_TRUE(code("extent_end=67108864", "extent_end=134217728").has_value());  // over its own slot
  EXPECT_TRUE(code("slot_offset=70254592", "slot_offset=18446744073709547520").has_value());
  EXPECT_TRUE(code("slot_index=3", "slot_index=4294967296").has_value());
  EXPECT_TRUE(code("slot_index=3", "slot_index=-1").has_value());
  EXPECT_TRUE(code("boot_id=0b41", "boot_id=../b").has_value());
  EXPECT_TRUE(code("swap_uuid=5e1f9a3c-0000-4111-8222-123456789abc", "swap_uuid=").has_value());
  EXPECT_TRUE(code("hint.description", "hint.Description").has_value());
  EXPECT_TRUE(code("hint.description=", "recovered=00").has_value());
  EXPECT_FALSE(KeyRecord::Parse("").ok());
  EXPECT_STREQ(KeyRecord::Parse(Replaced(text, "created=", "surprise=1\ncreated=")).error().text(),
               "\"surprise\" is not known");
}

TEST(KeyArming, ComesBackFromItsText) {
  KeyArming arming;
  arming.credentials = TestCredentials(7);
  arming.slot_offset = 64 * kMiB;
  arming.extent = {4096, 64 * kMiB};
  arming.seed = TestCredentials(5).encryption_key.Copy();
  const Result<KeyArming> parsed = KeyArming::Parse(arming.ToText());
  ASSERT_TRUE(parsed.ok()) << parsed.error().text();
  EXPECT_EQ(parsed.value().ToText(), arming.ToText());
  EXPECT_EQ(parsed.value().Layout(1), arming.Layout(1));
  EXPECT_TRUE(Equal(parsed.value().seed.bytes(), arming.seed.bytes()));
}

// The two texts are not taken for each other.
TEST(KeyArming, IsNoKeyRecord) {
  EXPECT_FALSE(KeyArming::Parse(Example().ToText()).ok());
  KeyArming arming;
  arming.credentials = TestCredentials(7);
  arming.slot_offset = 64 * kMiB;
  EXPECT_TRUE(KeyArming::Parse(arming.ToText()).ok());
  EXPECT_FALSE(KeyRecord::Parse(arming.ToText()).ok());
  EXPECT_FALSE(KeyArming::Parse(arming.ToText() + "hint.a=b\n").ok());
}

// How often the text stands in what this process may write. `shifted` is the text with each character one higher, so
// that it is not found in the question.
unsigned CountInMemory(const std::string& shifted) {
  const UniqueFd memory = OpenFile("/proc/self/mem", O_RDONLY).TakeValue();
  std::ifstream maps("/proc/self/maps");
  unsigned count = 0;
  std::vector<uint8_t> block(kMiB);
  for (std::string line; std::getline(maps, line);) {
    uint64_t begin = 0;
    uint64_t end = 0;
    char writable = '-';
    if (sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " r%c", &begin, &end, &writable) != 3 || writable != 'w') continue;
    // A sanitizer's own.
    if (end - begin > kGiB) continue;
    for (uint64_t at = begin; at < end; at += block.size() - shifted.size()) {
      const auto wanted = static_cast<size_t>(std::min<uint64_t>(block.size(), end - at));
      const ssize_t got = pread(memory.get(), block.data(), wanted, static_cast<off_t>(at));
      if (got <= 0) break;
      const auto block_end = block.begin() + got;
      for (auto found = block.begin();; ++found) {
        found = std::search(found, block_end, shifted.begin(), shifted.end(), [](uint8_t here, char wanted_byte) {
          return here + 1 == static_cast<uint8_t>(wanted_byte);
        });
        if (found == block_end) break;
        ++count;
      }
      std::fill(block.begin(), block.end(), uint8_t{0});
    }
  }
  return count;
}

TEST(KeyRecord, LeavesNoCopyOfItsKeysInMemory) {
  ASSERT_TRUE(InitializeCrypto().ok());
  std::string shifted;
  {
    KeyRecord record;
    record.credentials = TestCredentials(7);
    record.credentials.authentication_key = Key::Generate().TakeValue();
    record.slot_offset = 64 * kMiB;
    record.boot_id = "a-b";
    record.swap_uuid = "c-d";
    for (const uint8_t byte : record.credentials.authentication_key.bytes()) {
      for (const unsigned digit : {byte / 16U, byte % 16U}) shifted += static_cast<char>("0123456789abcdef"[digit] + 1);
    }
    // The half that an allocator does not write its own numbers over.
    shifted.erase(0, shifted.size() / 2);
    std::string text = record.ToText();
    EXPECT_EQ(CountInMemory(shifted), 1U) << "the control";
    {
      const KeyRecord again = KeyRecord::Parse(text).TakeValue();
      std::string more = again.ToText();
      Wipe(MutableBytesOf(more));
    }
    Wipe(MutableBytesOf(text));
  }
  EXPECT_EQ(CountInMemory(shifted), 0U);
}

}  // namespace
}  // namespace crashdump
