// SPDX-License-Identifier: GPL-2.0-or-later
// The capture kernel's command line, word by word.
#include "loader/capture_command_line.h"

#include <gtest/gtest.h>

namespace crashdump {
namespace {

constexpr const char* kFixed =
    " reset_devices irqpoll panic=10 oops=panic nokaslr novmcoredd cgroup_disable=memory numa=off "
    "transparent_hugepage=never acpi_no_memhotplug";

TEST(CaptureCommandLine, OfAQuietMachine) {
  CaptureCommandLineFacts facts;
  facts.running = "BOOT_IMAGE=/vmlinuz root=/dev/vda1 ro quiet splash crashkernel=256M\n";
  EXPECT_EQ(MakeCaptureCommandLine(facts).value(), std::string("nr_cpus=1") + kFixed);
}

TEST(CaptureCommandLine, PassesConsolesAndOurOptionsOnInTheirOrder) {
  CaptureCommandLineFacts facts;
  facts.running = "console=tty0 crashdump.timeout=60 root=/dev/vda1 console=ttyS0,115200 crashdump.hold=\"a b\"";
  EXPECT_EQ(MakeCaptureCommandLine(facts).value(),
            std::string("nr_cpus=1") + kFixed +
                " console=tty0 crashdump.timeout=60 console=ttyS0,115200 crashdump.hold=\"a b\"");
}

TEST(CaptureCommandLine, PassesOnWhatTheHardwareNeedsAndNothingElse) {
  CaptureCommandLineFacts facts;
  facts.running =
      "pci=nomsi noapic intel_iommu=off pcie_aspm=off noapictimer acpi=ht acpi_osi=Linux mem_encrypt=on disable_radix "
      "splash nosmt crashkernel=1G hugepages=512 cma=1G isolcpus=2 init=/bin/sh";
  EXPECT_EQ(
      MakeCaptureCommandLine(facts).value(),
      std::string("nr_cpus=1") + kFixed + " pci=nomsi noapic intel_iommu=off acpi=ht mem_encrypt=on disable_radix");
}

TEST(CaptureCommandLine, OfPowerpc) {
  CaptureCommandLineFacts facts;
  facts.family = KernelFamily::kPowerpc;
  facts.running = "root=/dev/sda2 console=hvc0 quiet";
  EXPECT_EQ(MakeCaptureCommandLine(facts).value(),
            "maxcpus=1 reset_devices irqpoll panic=10 oops=panic novmcoredd cgroup_disable=memory numa=off "
            "transparent_hugepage=never noirqdistrib kvm_cma_resv_ratio=0 hugetlb_cma=0 srcutree.big_cpu_lim=0 "
            "pci=nomsi console=hvc0");
  facts.drivers = {{"pci_host", ""}, {"nvme", "pci:x"}};
  EXPECT_NE(MakeCaptureCommandLine(facts).value().find(" pci=nomsi "), std::string::npos);
  facts.drivers.push_back({"smartpqi", "pci:y"});
  EXPECT_EQ(MakeCaptureCommandLine(facts).value().find("pci="), std::string::npos);
  facts.cpus = 4;
  EXPECT_TRUE(MakeCaptureCommandLine(facts).value().starts_with("maxcpus=4 reset_devices "));
}

TEST(CaptureCommandLine, TheConfigurationHasTheLastWord) {
  CaptureCommandLineFacts facts;
  facts.running = "crashdump.timeout=60";
  facts.append = " crashdump.timeout=90 earlyprintk=ttyS0 ";
  EXPECT_TRUE(
      MakeCaptureCommandLine(facts).value().ends_with(" crashdump.timeout=60 crashdump.timeout=90 earlyprintk=ttyS0"));
}

TEST(CaptureCommandLine, SeveralProcessorsLeaveTheBootProcessorOff) {
  CaptureCommandLineFacts facts;
  facts.cpus = 4;
  EXPECT_EQ(MakeCaptureCommandLine(facts).error().code(), ErrorCode::kInvalidArgument);
  facts.boot_cpu_apic_id = 0;
  EXPECT_TRUE(MakeCaptureCommandLine(facts).value().starts_with("nr_cpus=4 disable_cpu_apicid=0 "));
}

TEST(CaptureCommandLine, RefusesMoreThanTheKernelTakes) {
  CaptureCommandLineFacts facts;
  // 2048 bytes with a NUL, and room for " elfcorehdr=" and " acpi_rsdp=0x" with a 64-bit number each.
  const size_t fixed = MakeCaptureCommandLine(facts).value().size() + 1;
  facts.append = std::string(2047 - 64 - fixed, 'x');
  EXPECT_TRUE(MakeCaptureCommandLine(facts).ok());
  facts.append.push_back('x');
  EXPECT_EQ(MakeCaptureCommandLine(facts).error().code(), ErrorCode::kInvalidArgument);
}

TEST(BootCpuApicId, IsTheOneOfProcessorZero) {
  EXPECT_EQ(
      BootCpuApicId("processor\t: 0\napicid\t\t: 6\ninitial apicid\t: 6\n\nprocessor\t: 1\ninitial apicid\t: 8\n"), 6u);
  EXPECT_EQ(BootCpuApicId("processor\t: 1\ninitial apicid\t: 8\n"), std::nullopt);
  EXPECT_EQ(BootCpuApicId(""), std::nullopt);
}

}  // namespace
}  // namespace crashdump
