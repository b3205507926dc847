// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes as notes, and every note's contents as VMCOREINFO.
#include <cstdint>

#include "common/vmcore/elf_notes.h"
#include "common/vmcore/printable_text.h"
#include "common/vmcore/vmcoreinfo.h"

using namespace crashdump;

namespace {

void ReadInfo(Bytes bytes) {
  const Vmcoreinfo info(bytes);
  (void)info.OsRelease();
  (void)info.PageSize();
  (void)info.CrashTime();
  (void)info.KernelOffset();
  for (const char* name : {"prb", "page", "page.flags", "phys_base"}) {
    (void)info.Symbol(name);
    (void)info.Size(name);
    (void)info.Offset(name);
    (void)info.Length(name);
    (void)info.Number(name);
  }
  const std::string escaped = EscapeControl(info.text());
  // Escaping what is escaped changes nothing.
  Require(EscapeControl(escaped) == escaped);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes bytes(data, size);
  ReadInfo(bytes);
  for (const ByteOrder order : {ByteOrder::kLittle, ByteOrder::kBig}) {
    ElfNoteReader reader(bytes, order);
    size_t total = 0;
    while (true) {
      const Result<std::optional<ElfNote>> note = reader.Next();
      if (!note.ok() || !note.value()) break;
      total += 12 + note.value()->name.size() + note.value()->descriptor.size();
      Require(total <= size);
      ReadInfo(note.value()->descriptor);
    }
  }
  return 0;
}
