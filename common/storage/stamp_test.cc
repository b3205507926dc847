// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/storage/stamp.h"

#include <gtest/gtest.h>

#include "common/base/parse.h"
#include "common/crypto/crypto.h"

namespace crashdump {
namespace {

class StampTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(InitializeCrypto().ok()); }

  // Changes the stamp's bytes and puts a right checksum under them.
  static StampBytes Forge(StampBytes bytes, size_t offset, uint8_t value) {
    bytes.at(offset) = value;
    const Hash checksum = Hash256(Bytes(bytes).first(4064));
    memcpy(bytes.data() + 4064, checksum.data(), checksum.size());
    return bytes;
  }

  const Stamp stamp_ = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {64 * kMiB, 192 * kMiB}, 4096, 49151};
};

TEST_F(StampTest, RoundTripsInBothKinds) {
  for (const StampKind kind : {StampKind::kStart, StampKind::kEnd}) {
    const Result<Stamp> decoded = DecodeStamp(EncodeStamp(stamp_, kind), kind);
    ASSERT_TRUE(decoded.ok()) << decoded.error().text();
    EXPECT_EQ(decoded.value(), stamp_);
  }
}

// The bytes of docs/region-format.md: a disk stamped by an earlier version must stay ours.
TEST_F(StampTest, BytesAreThoseOfTheSpecification) {
  const StampBytes bytes = EncodeStamp(stamp_, StampKind::kEnd);
  EXPECT_EQ(ToHex(Bytes(bytes).first(64)),
            "435241534852474e"  // CRASHRGN
            "01000000"
            "02000000"                          // version 1, end stamp
            "000102030405060708090a0b0c0d0e0f"  // region id
            "0000000400000000"
            "0000000c00000000"  // 64 MiB, 192 MiB
            "00100000"
            "ffbf0000"  // page size, original last_page
            "0000000000000000");
  EXPECT_TRUE(AllZero(Bytes(bytes).subspan(56, 4008)));
  EXPECT_TRUE(Equal(Bytes(bytes).last(32), Hash256(Bytes(bytes).first(4064))));
}

TEST_F(StampTest, AnyFlippedBitIsNoticed) {
  const StampBytes good = EncodeStamp(stamp_, StampKind::kStart);
  for (size_t byte = 0; byte < good.size(); ++byte) {
    StampBytes bytes = good;
    bytes.at(byte) ^= static_cast<uint8_t>(1U << (byte % 8));
    EXPECT_FALSE(DecodeStamp(bytes, StampKind::kStart).ok()) << byte;
  }
}

TEST_F(StampTest, TellsAbsenceFromDamageFromALaterVersion) {
  const StampBytes good = EncodeStamp(stamp_, StampKind::kStart);
  EXPECT_EQ(DecodeStamp(StampBytes{}, StampKind::kStart).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(DecodeStamp(Bytes(good).first(4095), StampKind::kStart).error().code(), ErrorCode::kTruncated);
  EXPECT_EQ(DecodeStamp(good, StampKind::kEnd).error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(DecodeStamp(Forge(good, 8, 2), StampKind::kStart).error().code(), ErrorCode::kUnsupported);
  EXPECT_EQ(DecodeStamp(Forge(good, 100, 1), StampKind::kStart).error().code(), ErrorCode::kCorrupt);
}

TEST_F(StampTest, RefusesBoundsThatNoRegionCanHave) {
  const StampBytes good = EncodeStamp(stamp_, StampKind::kStart);
  EXPECT_TRUE(DecodeStamp(Forge(good, 100, 0), StampKind::kStart).ok());
  EXPECT_FALSE(DecodeStamp(Forge(good, 35, 0xff), StampKind::kStart).ok()) << "begins behind its end";
  EXPECT_FALSE(DecodeStamp(Forge(good, 32, 1), StampKind::kStart).ok()) << "begins within a page";
  EXPECT_FALSE(DecodeStamp(Forge(good, 35, 0), StampKind::kStart).ok()) << "begins at the header";
  EXPECT_FALSE(DecodeStamp(Forge(good, 47, 1), StampKind::kStart).ok()) << "another end than the swap's";
  EXPECT_FALSE(DecodeStamp(Forge(good, 49, 0), StampKind::kStart).ok()) << "pages of no bytes";
  EXPECT_FALSE(DecodeStamp(Forge(good, 52, 0), StampKind::kStart).ok()) << "another last_page";
}

TEST_F(StampTest, RoundTripsThroughATextRecord) {
  TextRecord record;
  AddStamp(stamp_, record);
  const Result<Stamp> read = StampFromRecord(TextRecord::Parse(record.ToString()).TakeValue());
  ASSERT_TRUE(read.ok()) << read.error().text();
  EXPECT_EQ(read.value(), stamp_);
  EXPECT_EQ(StampFromRecord(TextRecord()).error().code(), ErrorCode::kNotFound);
  Stamp impossible = stamp_;
  impossible.region.begin = 0;
  TextRecord wrong;
  AddStamp(impossible, wrong);
  EXPECT_FALSE(StampFromRecord(wrong).ok());
}

}  // namespace
}  // namespace crashdump
