// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/capture_command_line.h"

#include "common/base/parse.h"
#include "loader/system_facts.h"

namespace crashdump {
namespace {

// COMMAND_LINE_SIZE of x86 with its NUL, less what kexec_file_load puts in front ("elfcorehdr=0x... ", at most 30
// bytes: arch/x86/kernel/kexec-bzimage64.c, MAX_ELFCOREHDR_STR_LEN).
constexpr size_t kMostBytes = 2047 - 30;

// The reasons, one by one:
constexpr std::string_view kAlways[] = {
    // Devices come as the dead kernel left them, in the middle of their work.
    "reset_devices",
    // Interrupts may come on lines that nobody handles any more.
    "irqpoll",
    // No path may hang: a panic or an oops of the capture kernel reboots the machine.
    "panic=10",
    "oops=panic",
    // Reproducible addresses; the small reservation leaves no room for randomness anyway.
    "nokaslr",
    // Drivers' own dumps would eat the little memory there is.
    "novmcoredd",
    // Bookkeeping that a system of two processes does not need: memory.
    "cgroup_disable=memory",
    "numa=off",
    "transparent_hugepage=never",
    // Memory that was plugged in later belongs to the dead kernel.
    "acpi_no_memhotplug",
};

bool StartsWith(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

void Append(std::string& line, std::string_view word) {
  if (word.empty()) return;
  if (!line.empty()) line.push_back(' ');
  line.append(word);
}

}  // namespace

Result<std::string> MakeCaptureCommandLine(const CaptureCommandLineFacts& facts) {
  std::string line;
  // One processor is enough to write to a disk. With more, the boot processor must stay off: the kernel may have
  // crashed on another one, and an INIT to the boot processor resets real machines.
  if (facts.cpus <= 1) {
    Append(line, "nr_cpus=1");
  } else {
    if (!facts.boot_cpu_apic_id) {
      return Error::Format(ErrorCode::kInvalidArgument,
                           "CPUS=%u: the APIC id of the boot processor is unknown, so that only one can be used",
                           facts.cpus);
    }
    Append(line, "nr_cpus=" + std::to_string(facts.cpus));
    Append(line, "disable_cpu_apicid=" + std::to_string(*facts.boot_cpu_apic_id));
  }
  for (const std::string_view word : kAlways) Append(line, word);
  for (const std::string& word : SplitCommandLine(facts.running)) {
    // People look where they always look; our own options are given once, on the machine's usual command line.
    if (StartsWith(word, "console=") || StartsWith(word, "crashdump.")) Append(line, word);
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
