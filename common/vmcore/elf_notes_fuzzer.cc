// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes as notes.
// Fuzzes: elf_notes.cc
#include "common/testing/fuzzer.h"
#include "common/testing/vmcore_builder.h"
#include "common/vmcore/elf_notes.h"

namespace crashdump {
namespace {

void Run(Bytes input) {
  for (const ByteOrder order : {ByteOrder::kLittle, ByteOrder::kBig}) {
    ElfNoteReader reader(input, order);
    size_t total = 0;
    while (true) {
      const Result<std::optional<ElfNote>> note = reader.Next();
      if (!note.ok() || !note.value()) break;
      total += 12 + note.value()->name.size() + note.value()->descriptor.size();
      Require(total <= input.size());
    }
  }
}

std::vector<testing::FuzzerInput> Seeds() {
  testing::VmcoreBuilder builder;
  builder.AddCpu().AddNote("QEMU", 0, std::vector<uint8_t>(7, 'q')).AddNote("", 1, {});
  const testing::FuzzerInput little = builder.BuildNotes();
  return {little, builder.Format({ByteOrder::kBig, WordSize::k64}, kElfMachinePpc64).BuildNotes()};
}

const testing::Fuzzer fuzzer("elf_notes", Run, Seeds);

}  // namespace
}  // namespace crashdump
