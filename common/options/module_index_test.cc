// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/options/module_index.h"

#include <gtest/gtest.h>

#include "common/testing/module_lists.h"

namespace crashdump {
namespace {

TEST(ModuleIndexTest, DependenciesStandBeforeWhatNeedsThem) {
  const ModuleIndex index(kModulesDep, kModulesAlias);
  EXPECT_EQ(index.FilesOf("virtio_blk"),
            (std::vector<std::string_view>{"kernel/drivers/virtio/virtio.ko", "kernel/drivers/virtio/virtio_ring.ko",
                                           "kernel/drivers/block/virtio_blk.ko"}));
  EXPECT_EQ(index.FilesOf("virtio"), (std::vector<std::string_view>{"kernel/drivers/virtio/virtio.ko"}));
}

TEST(ModuleIndexTest, HyphenAndUnderscoreAreTheSame) {
  const ModuleIndex index(kModulesDep, kModulesAlias);
  EXPECT_EQ(index.FilesOf("crc_t10dif").size(), 1U);
  EXPECT_EQ(index.FilesOf("nvme_core").size(), 2U);
  EXPECT_EQ(index.FilesOf("nvme-core").size(), 2U);
}

TEST(ModuleIndexTest, OnlyWholeNames) {
  const ModuleIndex index(kModulesDep, kModulesAlias);
  for (const char* name : {"virtio_bl", "irtio", "blk", "", "virtio.ko", "host/nvme-core"}) {
    EXPECT_TRUE(index.FilesOf(name).empty()) << name;
  }
  EXPECT_TRUE(ModuleIndex("", "").FilesOf("virtio").empty());
  EXPECT_TRUE(ModuleIndex("\n:\n::\n", "").FilesOf("virtio").empty());
}

TEST(ModuleIndexTest, AliasesArePatternsAndMayMatchSeveralModules) {
  const ModuleIndex index(kModulesDep, kModulesAlias);
  EXPECT_EQ(index.FilesForAlias("virtio:d00000002v00001AF4"), index.FilesOf("virtio_blk"));
  EXPECT_EQ(index.FilesForAlias("pci:v00008086d00005845sv00001AF4sd00001100bc01sc08i02").size(), 2U);
  EXPECT_EQ(index.FilesForAlias("pci:v00001234d00005845sv00001AF4sd00001100bc01sc08i02").size(), 3U);
  for (const char* alias : {"virtio:d00000003v00001AF4", "pci:v00009999d1", "", "alias"}) {
    EXPECT_TRUE(index.FilesForAlias(alias).empty()) << alias;
  }
}

TEST(ModuleListTest, OneNamePerLine) {
  EXPECT_EQ(ParseModuleList("# made by load\nvirtio\n\n  nvme \nahci"),
            (std::vector<std::string>{"virtio", "nvme", "ahci"}));
  EXPECT_TRUE(ParseModuleList("").empty());
}

}  // namespace
}  // namespace crashdump
