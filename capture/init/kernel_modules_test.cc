// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/kernel_modules.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <map>

#include "common/testing/module_lists.h"

namespace crashdump {
namespace {

class FakeLoader : public ModuleLoader {
 public:
  Result<> Load(const std::string& path) override {
    loaded.push_back(path);
    const auto failure = failures.find(path);
    if (failure != failures.end()) return Error::Os(failure->second, "finit_module");
    return {};
  }
  std::vector<std::string> loaded;
  std::map<std::string, int> failures;
};

TEST(LoadModulesTest, InTheOrderGivenAndEachFileOnce) {
  FakeLoader loader;
  const std::vector<std::string> notes = LoadModules({"nvme_core", "virtio_blk", "virtio"},
                                                     ModuleIndex(kModulesDep, kModulesAlias), "/lib/modules/6", loader);
  EXPECT_TRUE(notes.empty());
  EXPECT_EQ(loader.loaded,
            (std::vector<std::string>{
                "/lib/modules/6/kernel/lib/crc-t10dif.ko", "/lib/modules/6/kernel/drivers/nvme/host/nvme-core.ko",
                "/lib/modules/6/kernel/drivers/virtio/virtio.ko", "/lib/modules/6/kernel/drivers/virtio/virtio_ring.ko",
                "/lib/modules/6/kernel/drivers/block/virtio_blk.ko"}));
}

TEST(LoadModulesTest, AnAliasFindsWhatTheNameDoesNot) {
  FakeLoader loader;
  EXPECT_TRUE(
      LoadModules({"virtio virtio:d00000002v00001AF4"}, ModuleIndex(kModulesDep, kModulesAlias), "d", loader).empty());
  EXPECT_EQ(loader.loaded, (std::vector<std::string>{"d/kernel/drivers/virtio/virtio.ko"})) << "the name is known";
  loader.loaded.clear();
  EXPECT_TRUE(
      LoadModules({"old_blk virtio:d00000002v00001AF4"}, ModuleIndex(kModulesDep, kModulesAlias), "d", loader).empty());
  EXPECT_EQ(loader.loaded.back(), "d/kernel/drivers/block/virtio_blk.ko");
  // Built into the kernel that crashed, so that it had no name there.
  loader.loaded.clear();
  EXPECT_TRUE(LoadModules({"virtio:d00000002v00001AF4"}, ModuleIndex(kModulesDep, kModulesAlias), "d", loader).empty());
  EXPECT_EQ(loader.loaded.back(), "d/kernel/drivers/block/virtio_blk.ko");
  // Bridges and the like have a driver, but none that an image would hold.
  EXPECT_TRUE(LoadModules({"pci:v00001B36d0000000C"}, ModuleIndex(kModulesDep, kModulesAlias), "d", loader).empty());
  EXPECT_EQ(LoadModules({"old pci:v00001B36d0000000C"}, ModuleIndex(kModulesDep, kModulesAlias), "d", loader).size(),
            1U);
}

TEST(LoadModulesTest, WhatIsThereAlreadyIsFineAndWhatFailsIsNoted) {
  FakeLoader loader;
  loader.failures["d/kernel/drivers/virtio/virtio.ko"] = EEXIST;
  loader.failures["d/kernel/lib/crc-t10dif.ko"] = ENOEXEC;
  const std::vector<std::string> notes =
      LoadModules({"virtio", "no_such", "nvme_core"}, ModuleIndex(kModulesDep, kModulesAlias), "d", loader);
  ASSERT_EQ(notes.size(), 2U);
  EXPECT_EQ(notes[0], "module no_such: not in this image, taken for built in");
  EXPECT_EQ(notes[1], "module kernel/lib/crc-t10dif.ko: finit_module: Exec format error");
  EXPECT_EQ(loader.loaded.back(), "d/kernel/drivers/nvme/host/nvme-core.ko");
}

TEST(KernelModuleLoaderTest, NamesTheFailure) {
  KernelModuleLoader loader;
  const Result<> missing = loader.Load("/nonexistent.ko");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().os_error(), ENOENT);
  // Not a module, and without privileges not even looked at: an error in any case.
  EXPECT_FALSE(loader.Load("/dev/null").ok());
}

}  // namespace
}  // namespace crashdump
