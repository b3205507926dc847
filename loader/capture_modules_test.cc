// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/capture_modules.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include "common/base/io.h"
#include "common/base/units.h"
#include "common/testing/temp_directory.h"
#include "loader/cpio_writer.h"

namespace crashdump {
namespace {

class CaptureModulesTest : public testing::Test {
 protected:
  static std::string Archive() {
    CpioWriter cpio(64 * kKiB);
    cpio.AddFile("init", BytesOf("a program"));
    cpio.AddFile("lib/modules/6.1/kernel/drivers/block/virtio_blk.ko", BytesOf("a module"));
    cpio.AddFile("lib/modules/6.1/modules.alias", BytesOf("alias virtio:d00000002v* virtio_blk\n"));
    cpio.AddFile("lib/modules/6.1/modules.builtin",
                 BytesOf("kernel/drivers/ata/ahci.ko\nkernel/drivers/md/md-mod.ko\n"));
    cpio.AddFile("lib/modules/6.1/modules.dep", BytesOf("kernel/drivers/block/virtio_blk.ko:\n"));
    cpio.Finish();
    return std::string(TextOf(cpio.bytes()));
  }
  static std::string Pack(const std::string& plain) {
    std::string packed(ZSTD_compressBound(plain.size()), '\0');
    packed.resize(ZSTD_compress(packed.data(), packed.size(), plain.data(), plain.size(), 1));
    return packed;
  }
  Result<CaptureModules> Read(const std::string& file) {
    const std::string path = directory_.WriteFile("initramfs", file);
    const UniqueFd fd = TRY(OpenFile(path.c_str(), O_RDONLY));
    return CaptureModules::Read(fd.get());
  }
  void ExpectUnsupported(const std::string& file) {
    const Result<CaptureModules> modules = Read(file);
    ASSERT_FALSE(modules.ok());
    EXPECT_EQ(modules.error().code(), ErrorCode::kUnsupported) << modules.error().text();
  }

  TempDirectory directory_;
};

TEST_F(CaptureModulesTest, KnowsWhatIsPackedAndWhatIsBuiltIn) {
  for (const std::string& file : {Archive(), Pack(Archive()), Pack(Archive()) + std::string(3, '\0') + Archive()}) {
    const Result<CaptureModules> modules = Read(file);
    ASSERT_TRUE(modules.ok()) << modules.error().text();
    EXPECT_TRUE(modules.value().Has({.module = "virtio_blk", .alias = ""}));
    EXPECT_TRUE(modules.value().Has({.module = "virtio-blk", .alias = ""}));
    EXPECT_TRUE(modules.value().Has({.module = "ahci", .alias = "pci:v00008086"}));
    EXPECT_TRUE(modules.value().Has({.module = "md_mod", .alias = ""}));
    // Of another name there, or built in here.
    EXPECT_TRUE(modules.value().Has({.module = "old_blk", .alias = "virtio:d00000002v00001AF4"}));
    EXPECT_TRUE(modules.value().Has({.module = "", .alias = "pci:v00001B36d0000000C"}));
    EXPECT_FALSE(modules.value().Has({.module = "nvme", .alias = "pci:v00008086d00005845"}));
    EXPECT_FALSE(modules.value().Has({.module = "virtio", .alias = ""}));
  }
}

TEST_F(CaptureModulesTest, OfOtherImagesItCannotTell) {
  ExpectUnsupported("");
  ExpectUnsupported("\x1f\x8b gzip");
  ExpectUnsupported("\x28\xb5\x2f\xfd no frame");
  const std::string packed = Pack(Archive());
  ExpectUnsupported(packed.substr(0, packed.size() / 2));
  CpioWriter cpio(kKiB);
  cpio.AddFile("init", BytesOf("a program"));
  cpio.Finish();
  ExpectUnsupported(std::string(TextOf(cpio.bytes())));
}

TEST_F(CaptureModulesTest, DamageIsNotFollowed) {
  const std::string archive = Archive();
  for (size_t size = 0; size < archive.size(); size += 7) (void)Read(archive.substr(0, size));
  for (size_t i = 0; i < archive.size(); i += 3) {
    std::string damaged = archive;
    damaged[i] = 'f';
    (void)Read(damaged);
  }
}

}  // namespace
}  // namespace crashdump
