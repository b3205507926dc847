// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/host_facts.h"

#include <gtest/gtest.h>

#include "common/testing/temp_directory.h"

namespace crashdump {
namespace {

constexpr const char* kDatabase =
    "Package: linux-image-6.1.0-9-amd64-dbg\nStatus: install ok installed\nVersion: 9.9\n\n"
    "Package: linux-image-6.1.0-9-amd64\nStatus: install ok installed\nArchitecture: amd64\nVersion: 6.1.27-1\n\n"
    "Package: linux-image-6.1.0-8-amd64\nStatus: deinstall ok config-files\nVersion: 6.1.25-1\n\n"
    "Package: other\nStatus: install ok installed\nVersion: 1\n";

TEST(HostFacts, OfADistribution) {
  const TempDirectory root;
  root.WriteFile("etc/os-release",
                 "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID='12'\n");
  root.WriteFile("var/lib/dpkg/status", kDatabase);
  const HostFacts facts = ReadHostFacts(root.path(), "x86_64");
  EXPECT_EQ(facts.distribution, "Debian GNU/Linux 12");
  EXPECT_EQ(facts.architecture, "amd64");
  EXPECT_EQ(facts.package_version("6.1.0-9-amd64"), "6.1.27-1");
  EXPECT_EQ(facts.package_version("6.1.0-8-amd64"), "");  // removed: that version is not there any more
  EXPECT_EQ(facts.package_version("6.1.0"), "");
  EXPECT_EQ(facts.package_version(""), "");
}

TEST(HostFacts, ThePackageAtTheBeginningOfTheDatabase) {
  const TempDirectory root;
  root.WriteFile("var/lib/dpkg/status", "Package: linux-image-1\nStatus: install ok installed\nVersion: 3\n");
  EXPECT_EQ(ReadHostFacts(root.path(), "").package_version("1"), "3");
}

TEST(HostFacts, OfNothingKnown) {
  const TempDirectory root;
  const HostFacts facts = ReadHostFacts(root.path(), "riscv64");
  EXPECT_EQ(facts.distribution, "unknown");
  EXPECT_EQ(facts.architecture, "riscv64");
  EXPECT_EQ(facts.package_version("6.1.0-9-amd64"), "");
  root.WriteFile("etc/os-release", "NAME=Arch\n");
  EXPECT_EQ(ReadHostFacts(root.path(), "i686").distribution, "Arch");
  EXPECT_EQ(ReadHostFacts(root.path(), "").architecture, "unknown");
}

TEST(HostFacts, ArchitecturesHaveDebiansNames) {
  const TempDirectory root;
  for (const char* const machine : {"i386", "i486", "i586", "i686"}) {
    EXPECT_EQ(ReadHostFacts(root.path(), machine).architecture, "i386");
  }
  EXPECT_EQ(ReadHostFacts(root.path(), "x86_64").architecture, "amd64");
  EXPECT_EQ(ReadHostFacts(root.path(), "ppc64le").architecture, "ppc64el");
  EXPECT_EQ(ReadHostFacts(root.path(), "ppc64").architecture, "ppc64");
}

}  // namespace
}  // namespace crashdump
