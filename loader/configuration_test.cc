// SPDX-License-Identifier: GPL-2.0-or-later
// /etc/crashdump.conf: every key, every default, every refusal.
#include "loader/configuration.h"

#include <gtest/gtest.h>

#include "common/testing/temp_directory.h"
#include "loader/fake_machine.h"

namespace crashdump {
namespace {

constexpr const char* kTarget = "TARGET=UUID=11223344-5566-4788-99aa-bbccddeeff01\n";

class ConfigurationTest : public testing::Test {
 protected:
  Result<Configuration> Parse(const std::string& text) { return ParseConfiguration(machine_, text); }
  void ExpectRefused(const std::string& text, const char* named) {
    const Result<Configuration> configuration = Parse(text);
    ASSERT_FALSE(configuration.ok()) << text;
    EXPECT_NE(std::string(configuration.error().text()).find(named), std::string::npos) << configuration.error().text();
  }

  TempDirectory root_;
  FakeMachine machine_{root_.path()};
};

TEST_F(ConfigurationTest, NothingIsNeeded) {
  const auto configuration = Parse("# a comment\n\n");
  ASSERT_TRUE(configuration.ok()) << configuration.error().text();
  EXPECT_FALSE(configuration.value().target);
  EXPECT_FALSE(configuration.value().prepares_at_boot);
  EXPECT_FALSE(configuration.value().panic_on);
  EXPECT_EQ(configuration.value().reports, ReportPlace::kPrivate);
  EXPECT_EQ(configuration.value().retention.keep, 0u);
  EXPECT_EQ(configuration.value().retention.max_size, 0u);
  EXPECT_EQ(configuration.value().min_free, 64 * kMiB);
  EXPECT_EQ(configuration.value().kernel, "/boot/vmlinuz-6.1.0-test");
  EXPECT_EQ(configuration.value().initramfs, "/var/lib/crashdump/initramfs-6.1.0-test");
  EXPECT_EQ(configuration.value().cpus, 1u);
  EXPECT_EQ(configuration.value().command_line_append, "");
}

TEST_F(ConfigurationTest, HowMemoryIsPublished) {
  auto configuration = Parse(kTarget);
  ASSERT_TRUE(configuration.ok());
  EXPECT_EQ(configuration.value().vmcore_format, VmcoreFormat::kKdump);
  EXPECT_EQ(configuration.value().vmcore_compress, PageCompression::kZstd);
  configuration = Parse(std::string(kTarget) + "VMCORE_FORMAT=elf\nVMCORE_COMPRESS=none\n");
  ASSERT_TRUE(configuration.ok()) << configuration.error().text();
  EXPECT_EQ(configuration.value().vmcore_format, VmcoreFormat::kElf);
  EXPECT_EQ(configuration.value().vmcore_compress, PageCompression::kNone);
  ExpectRefused(std::string(kTarget) + "VMCORE_FORMAT=lkcd\n", "VMCORE_FORMAT: \"lkcd\" is none of");
  ExpectRefused(std::string(kTarget) + "VMCORE_COMPRESS=lzo\n", "VMCORE_COMPRESS: \"lzo\" is none of");
  ExpectRefused(std::string(kTarget) + "VMCORE_FORMAT=\n", "VMCORE_FORMAT has no value");
}

TEST_F(ConfigurationTest, EveryKeyCounts) {
  const auto configuration = Parse(std::string(kTarget) +
                                   "KERNEL=/boot/other\nINITRAMFS=/boot/other.img\nCPUS=3\n"
                                   "COMMAND_LINE_APPEND=crashdump.threads=2 earlyprintk\n"
                                   "RESERVE=512M\nPANIC_ON=softlockup\nMODULES=storage\nDISPLAY_MODULES=\n"
                                   "REPORTS=apport\nKEEP=3\nMAX_SIZE=2G\nMIN_FREE=1G\n");
  ASSERT_TRUE(configuration.ok()) << configuration.error().text();
  EXPECT_EQ(FormatUuid(*configuration.value().target), "11223344-5566-4788-99aa-bbccddeeff01");
  EXPECT_TRUE(configuration.value().prepares_at_boot);
  EXPECT_EQ(configuration.value().reserve, 512 * kMiB);
  EXPECT_EQ(configuration.value().panic_on, (std::vector{PanicCause::kSoftLockup}));
  EXPECT_EQ(configuration.value().reports, ReportPlace::kApport);
  EXPECT_EQ(configuration.value().retention.keep, 3u);
  EXPECT_EQ(configuration.value().retention.max_size, 2 * kGiB);
  EXPECT_EQ(configuration.value().min_free, 1 * kGiB);
  EXPECT_EQ(configuration.value().kernel, "/boot/other");
  EXPECT_EQ(configuration.value().initramfs, "/boot/other.img");
  EXPECT_EQ(configuration.value().cpus, 3u);
  EXPECT_EQ(configuration.value().command_line_append, "crashdump.threads=2 earlyprintk");
}

TEST_F(ConfigurationTest, AnAutomaticSizeIsAskedFor) {
  const auto configuration = Parse("RESERVE=auto\n");
  ASSERT_TRUE(configuration.ok());
  EXPECT_TRUE(configuration.value().prepares_at_boot);
  EXPECT_FALSE(configuration.value().reserve);
}

TEST_F(ConfigurationTest, AVersionNamesBothFiles) {
  const auto configuration = Parse(std::string(kTarget) + "KERNEL_VERSION=6.9\n");
  EXPECT_EQ(configuration.value().kernel, "/boot/vmlinuz-6.9");
  EXPECT_EQ(configuration.value().initramfs, "/var/lib/crashdump/initramfs-6.9");
}

TEST_F(ConfigurationTest, AKernelMayStandAmongItsModules) {
  machine_.Write("/usr/lib/modules/7.2/vmlinuz", "HdrS");
  EXPECT_EQ(Parse(std::string(kTarget) + "KERNEL_VERSION=7.2\n").value().kernel, "/usr/lib/modules/7.2/vmlinuz");
}

TEST_F(ConfigurationTest, AKernelMayBeAVmlinux) {
  machine_.Write("/usr/lib/modules/7.3/vmlinux", "ELF");
  EXPECT_EQ(Parse(std::string(kTarget) + "KERNEL_VERSION=7.3\n").value().kernel, "/usr/lib/modules/7.3/vmlinux");
  machine_.Write("/boot/vmlinux-7.3", "ELF");
  EXPECT_EQ(Parse(std::string(kTarget) + "KERNEL_VERSION=7.3\n").value().kernel, "/boot/vmlinux-7.3");
  machine_.Write("/boot/vmlinuz-7.3", "HdrS");
  EXPECT_EQ(Parse(std::string(kTarget) + "KERNEL_VERSION=7.3\n").value().kernel, "/boot/vmlinuz-7.3");
}

TEST_F(ConfigurationTest, NamesWhatIsWrong) {
  ExpectRefused("TARGET=/dev/vda2\n", "TARGET: want UUID=");
  ExpectRefused("RESERVE=much\n", "RESERVE");
  ExpectRefused("PANIC_ON=oops\n", "PANIC_ON: \"oops\" is none of");
  ExpectRefused("REPORTS=yes\n", "REPORTS: want private or apport");
  ExpectRefused("KEEP=some\n", "KEEP");
  ExpectRefused("MAX_SIZE=1X\n", "MAX_SIZE");
  ExpectRefused("MIN_FREE=\n", "MIN_FREE has no value");
  ExpectRefused("MODULES=$(reboot)\n", "MODULES: want names");
  ExpectRefused("TARGET=UUID=12\n", "TARGET");
  ExpectRefused(std::string(kTarget) + "KERNELS=/x\n", "unknown key \"KERNELS\"");
  ExpectRefused(std::string(kTarget) + kTarget, "TARGET is given more than once");
  ExpectRefused(std::string(kTarget) + "KERNEL=vmlinuz\n", "KERNEL: no absolute path");
  ExpectRefused(std::string(kTarget) + "INITRAMFS=\n", "INITRAMFS has no value");
  ExpectRefused(std::string(kTarget) + "CPUS=0\n", "CPUS");
  ExpectRefused(std::string(kTarget) + "CPUS=many\n", "CPUS");
  ExpectRefused(std::string(kTarget) + "KERNEL_VERSION=../x\n", "KERNEL_VERSION");
  ExpectRefused("nonsense\n", "line 1");
}

TEST_F(ConfigurationTest, NamesTheFile) {
  EXPECT_TRUE(ReadConfiguration(machine_, "/etc/crashdump.conf").ok()) << "everything has a default";
  machine_.Write("/etc/crashdump.conf", "CPUS=0\n");
  const auto wrong = ReadConfiguration(machine_, "/etc/crashdump.conf");
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(std::string(wrong.error().text()).find("/etc/crashdump.conf"), std::string::npos);
}

}  // namespace
}  // namespace crashdump
