// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/capture_command_line.h"

#include <algorithm>

#include "common/base/parse.h"
#include "loader/system_facts.h"

namespace crashdump {
namespace {

// COMMAND_LINE_SIZE with its NUL, the same on x86 and powerpc, less what the loaders add: "elfcorehdr=0x... " by the
// kernel (30 bytes: arch/x86/kernel/kexec-bzimage64.c, arch/powerpc/kexec/file_load.c), " elfcorehdr=...K" and, on a
// machine with EFI, " acpi_rsdp=0x..." by kexec-tools (64 bytes at most: kexec/arch/i386/crashdump-x86.c, 2.0.25, which
// hands the memory map over beside the command line; versions before 2.0.5 do not).
constexpr size_t kMostBytes = 2047 - 64;

struct Word {
  std::string_view text;
  std::optional<KernelFamily> only_on = std::nullopt;
};

// The reasons, one by one. A kernel that does not know a word passes over it.
constexpr Word kAlways[] = {
    // Devices come as the dead kernel left them, in the middle of their work.
    {"reset_devices"},
    // Interrupts may come on lines that nobody handles any more.
    {"irqpoll"},
    // No path may hang: a panic or an oops of the capture kernel reboots the machine.
    {"panic=10"},
    {"oops=panic"},
    // Reproducible addresses; the small reservation leaves no room for randomness anyway.
    {"nokaslr", KernelFamily::kX86},
    // Drivers' own dumps would eat the little memory there is.
    {"novmcoredd"},
    // Bookkeeping that a system of two processes does not need: memory.
    {"cgroup_disable=memory"},
    {"numa=off"},
    {"transparent_hugepage=never"},
    // Memory that was plugged in later belongs to the dead kernel.
    {"acpi_no_memhotplug", KernelFamily::kX86},
    // Interrupts go to the one processor that runs, not to all that there could be.
    {"noirqdistrib", KernelFamily::kPowerpc},
    // Memory set aside for guests (5 % on bare metal) and for huge pages.
    {"kvm_cma_resv_ratio=0", KernelFamily::kPowerpc},
    {"hugetlb_cma=0", KernelFamily::kPowerpc},
    // Kernels from 5.19 up to 6.2 give SRCU's work to processor 0, which is not there if another one has crashed, and
    // wait for it for ever; not with the tables that they make for machines of many processors (fixed in 6.3 and stable
    // kernels: kernel/rcu/srcutree.c, get_boot_cpu_id). On x86 the one that crashed becomes processor 0.
    {"srcutree.big_cpu_lim=0", KernelFamily::kPowerpc},
};

// Without it a disk's interrupt may belong to a processor that is not there. Where the processor that crashed keeps its
// number, and no other runs, a block device still has one queue in a capture kernel (block/blk-mq.c, 6.1,
// blk_mq_alloc_tag_set), the first of those that its driver has asked interrupts for, and each of these interrupts is
// bound to a processor, the first to processor 0. A line interrupt goes where it is heard.
constexpr std::string_view kLineInterrupts = "pci=nomsi";

// Drivers that give up without message interrupts, and do not spread them in a capture kernel (drivers/scsi/mpi3mr/
// mpi3mr_fw.c, mpi3mr_setup_isr), or do, and then only hear what processor 0 should (drivers/scsi/smartpqi/).
constexpr std::string_view kMessageInterruptsOnly[] = {"mpi3mr", "smartpqi"};

// What people gave the running kernel for the sake of this machine's hardware, which the capture kernel has to do with
// as well: without it, it may find no disk, or not read encrypted memory.
constexpr std::string_view kHardwareWords[] = {
    "acpi=",      "noapic",        "nolapic",      "pci=",          "iommu=", "intel_iommu=",
    "amd_iommu=", "libata.force=", "mem_encrypt=", "disable_radix", "xive=",
};

// Ours, and where people look: they look where they always look; our own options are given once, on the machine's usual
// command line.
constexpr std::string_view kPassedOn[] = {"console=", "crashdump."};

// Whether the word is this option: "pci=" stands for it with any value, "noapic" for itself, "disable_radix" for both.
bool IsOption(std::string_view word, std::string_view option) {
  if (!word.starts_with(option)) return false;
  const bool takes_any_end = option.back() == '=' || option.back() == '.';
  return takes_any_end || word.size() == option.size() || word[option.size()] == '=';
}

bool IsPassedOn(std::string_view word) {
  const auto is_option = [word](std::string_view option) { return IsOption(word, option); };
  return std::any_of(std::begin(kPassedOn), std::end(kPassedOn), is_option) ||
         std::any_of(std::begin(kHardwareWords), std::end(kHardwareWords), is_option);
}

void Append(std::string& line, std::string_view word) {
  if (word.empty()) return;
  if (!line.empty()) line.push_back(' ');
  line.append(word);
}

bool CanUseLineInterrupts(const std::vector<DeviceDriver>& drivers) {
  return std::none_of(drivers.begin(), drivers.end(), [](const DeviceDriver& driver) {
    return std::find(std::begin(kMessageInterruptsOnly), std::end(kMessageInterruptsOnly), driver.module) !=
           std::end(kMessageInterruptsOnly);
  });
}

// One processor is enough to write to a disk.
Result<std::string> Processors(const CaptureCommandLineFacts& facts) {
  const std::string count = std::to_string(std::max(facts.cpus, 1U));
  // Not nr_cpus=: the processor that has crashed keeps its number there, and a kernel that leaves it out dies early
  // (adjusted since 6.9: arch/powerpc/kernel/prom.c, early_init_dt_scan_cpus).
  if (facts.family == KernelFamily::kPowerpc) return "maxcpus=" + count;
  if (facts.cpus <= 1) return "nr_cpus=" + count;
  // The boot processor must stay off: the kernel may have crashed on another one, and an INIT to the boot processor
  // resets real machines.
  if (!facts.boot_cpu_apic_id) {
    return Error::Format(ErrorCode::kInvalidArgument,
                         "CPUS=%u: the APIC id of the boot processor is unknown, so that only one can be used",
                         facts.cpus);
  }
  return "nr_cpus=" + count + " disable_cpu_apicid=" + std::to_string(*facts.boot_cpu_apic_id);
}

}  // namespace

Result<std::string> MakeCaptureCommandLine(const CaptureCommandLineFacts& facts) {
  std::string line = TRY(Processors(facts));
  for (const Word& word : kAlways) {
    if (word.only_on.value_or(facts.family) == facts.family) Append(line, word.text);
  }
  if (facts.family == KernelFamily::kPowerpc && CanUseLineInterrupts(facts.drivers)) Append(line, kLineInterrupts);
  for (const std::string& word : SplitCommandLine(facts.running)) {
    if (IsPassedOn(word)) Append(line, word);
  }
  Append(line, TrimSpace(facts.append));
  if (line.size() > kMostBytes) {
    return Error::Format(ErrorCode::kInvalidArgument,
                         "the capture kernel's command line would have %zu bytes, more than the %zu that it takes: "
                         "shorten COMMAND_LINE_APPEND",
                         line.size(), kMostBytes);
  }
  return line;
}

std::optional<uint32_t> BootCpuApicId(std::string_view cpuinfo) {
  bool first_processor = false;
  while (!cpuinfo.empty()) {
    const size_t length = cpuinfo.find('\n');
    const std::string_view line = cpuinfo.substr(0, length);
    cpuinfo.remove_prefix(length == std::string_view::npos ? cpuinfo.size() : length + 1);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = TrimSpace(line.substr(0, colon));
    const Result<uint64_t> value = ParseNumber(TrimSpace(line.substr(colon + 1)));
    if (name == "processor") first_processor = value.ok() && value.value() == 0;
    if (first_processor && name == "initial apicid" && value.ok() && value.value() < UINT32_MAX) {
      return static_cast<uint32_t>(value.value());
    }
  }
  return std::nullopt;
}

}  // namespace crashdump
