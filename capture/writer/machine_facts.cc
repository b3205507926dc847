// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/machine_facts.h"

#include <array>
#include <cinttypes>
#include <cstdio>

#include "capture/writer/capture_log.h"
#include "capture/writer/version.h"

namespace crashdump {
namespace {

// The facts share 504 KiB with the panic messages, which matter more. Real machines have under a hundred.
constexpr size_t kMaxLoads = 4096;
constexpr size_t kMaxWarnings = 64;

void AddLoads(const std::vector<ElfSegment>& loads, TextRecord& record) {
  for (const ElfSegment& load : std::span(loads).first(std::min(loads.size(), kMaxLoads))) {
    std::array<char, 96> line;
    (void)snprintf(line.data(), line.size(), "%" PRIx64 ",%" PRIx64 ",%" PRIx64 ",%" PRIx64, load.physical_address,
                   load.file_size, load.memory_size, load.virtual_address);
    record.Add("load", line.data());
  }
  if (loads.size() > kMaxLoads) record.AddNumber("loads_left_out", loads.size() - kMaxLoads);
}

}  // namespace

TextRecord MachineFacts(const Vmcore& vmcore, const PhysicalMemory& memory, DumpLevel level) {
  TextRecord record;
  record.Add("program", std::string("crashdump ") + kProgramVersion);
  if (const Vmcoreinfo* info = vmcore.vmcoreinfo()) {
    if (const Result<std::string_view> release = info->OsRelease(); release.ok()) {
      record.Add("release", OneLine(release.value()));
    }
    if (const Result<uint64_t> time = info->CrashTime(); time.ok()) record.AddNumber("crash_time", time.value());
  }
  record.Add("machine", vmcore.machine_name());
  record.AddNumber("elf_machine", vmcore.machine());
  record.AddNumber("elf_class", vmcore.elf_word() == WordSize::k64 ? 64 : 32);
  record.Add("byte_order", vmcore.format().order == ByteOrder::kLittle ? "little" : "big");
  record.AddNumber("page_size", vmcore.page_size());
  record.AddNumber("memory_pages", memory.total_pages());
  record.AddNumber("cpus", vmcore.cpu_count());
  record.AddNumber("dump_level", level.number());
  AddLoads(vmcore.loads(), record);
  const std::vector<std::string>& warnings = vmcore.warnings();
  for (const std::string& warning : std::span(warnings).first(std::min(warnings.size(), kMaxWarnings))) {
    record.Add("warning", OneLine(warning));
  }
  return record;
}

}  // namespace crashdump
