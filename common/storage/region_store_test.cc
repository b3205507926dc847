// SPDX-License-Identifier: GPL-2.0-or-later
// RegionStore: records survive, damage is named.
#include "common/storage/region_store.h"

#include <gtest/gtest.h>

#include "common/testing/fake_state_directory.h"

namespace crashdump {
namespace {

StoredRegion Example(uint8_t id) {
  StoredRegion region;
  region.stamp = {.region_id = {id}, .region = {64 * kMiB, 128 * kMiB}, .page_size = 4096, .original_last_page = 32767};
  region.swap_uuid = {1, 2, 3, id};
  return region;
}

TEST(RegionStore, GivesBackWhatWasPut) {
  FakeStateDirectory directory;
  RegionStore store(directory);
  ASSERT_TRUE(store.Put(Example(1)).ok());
  ASSERT_TRUE(store.Put(Example(2)).ok());
  const auto all = store.ReadAll();
  ASSERT_TRUE(all.ok()) << all.error().text();
  EXPECT_EQ(all.value(), (std::vector<StoredRegion>{Example(1), Example(2)}));
}

TEST(RegionStore, ForgetsWhatWasRemoved) {
  FakeStateDirectory directory;
  RegionStore store(directory);
  ASSERT_TRUE(store.Put(Example(1)).ok());
  ASSERT_TRUE(store.Remove(Example(1).stamp.region_id).ok());
  ASSERT_TRUE(store.Remove(Example(1).stamp.region_id).ok());
  EXPECT_TRUE(store.ReadAll().value().empty());
}

TEST(RegionStore, NamesADamagedRecord) {
  FakeStateDirectory directory;
  RegionStore store(directory);
  ASSERT_TRUE(store.Put(Example(1)).ok());
  directory.files().begin()->second.resize(40);
  const auto all = store.ReadAll();
  ASSERT_FALSE(all.ok());
  EXPECT_NE(std::string(all.error().text()).find(RegionStore::FileName(Example(1).stamp.region_id)), std::string::npos);
}

TEST(RegionStore, RefusesARecordUnderAnotherName) {
  FakeStateDirectory directory;
  RegionStore store(directory);
  ASSERT_TRUE(store.Put(Example(1)).ok());
  directory.files()["00"] = directory.files().begin()->second;
  EXPECT_EQ(store.ReadAll().error().code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace crashdump
