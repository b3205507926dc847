// SPDX-License-Identifier: GPL-2.0-or-later
// VmcoreBuilder: vmcores in memory, made from a short description, for tests of everything that reads them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/byte_source.h"
#include "common/base/units.h"
#include "common/vmcore/elf_layout.h"
#include "common/vmcore/target_data.h"

namespace crashdump::testing {

// A source that owns its bytes, and in which chosen ranges of bytes cannot be read.
class OwnedSource final : public ByteSource {
 public:
  explicit OwnedSource(std::vector<uint8_t> bytes) : bytes_(std::move(bytes)) {}
  // Reads that touch these bytes fail with EIO.
  void FailAt(Range bytes) { bad_.push_back(bytes); }

  Result<> ReadAt(uint64_t offset, MutableBytes out) const override;
  uint64_t size() const override { return bytes_.size(); }

 private:
  std::vector<uint8_t> bytes_;
  std::vector<Range> bad_;
};

// Describe the vmcore, then Build() it. The default is x86_64, little endian, 4 KiB pages, no memory, no notes.
class VmcoreBuilder {
 public:
  struct Load {
    uint64_t physical = 0;
    std::vector<uint8_t> data;
    uint64_t virtual_address = 0;
    uint64_t extra_memory = 0;  // p_memsz - p_filesz
  };
  enum class Headers : uint8_t {
    kKernel,        // as /proc/vmcore and kexec-tools order them: program headers right behind the ELF header
    kQemu,          // as dump-guest-memory does: a section header between, a wrong e_ehsize
    kManySegments,  // the count in section 0's sh_info, whatever it is (PN_XNUM)
  };

  VmcoreBuilder();
  VmcoreBuilder& Format(TargetFormat format, uint16_t machine);
  VmcoreBuilder& HeaderStyle(Headers headers);
  VmcoreBuilder& AddLoad(Load load);
  VmcoreBuilder& AddNote(std::string_view name, uint32_t type, Bytes descriptor);
  // One CPU's registers, as many bytes as the machine's by now.
  VmcoreBuilder& AddCpu();
  // A VMCOREINFO line; PAGESIZE=4096 and OSRELEASE=6.1.0-test are there from the start, and a key given again replaces
  // the first.
  VmcoreBuilder& Info(std::string_view key, std::string_view value);
  VmcoreBuilder& RemoveInfo(std::string_view key);
  VmcoreBuilder& WithoutInfo();

  std::vector<uint8_t> Build() const;
  // The contents of the note segment alone.
  std::vector<uint8_t> BuildNotes() const;
  std::unique_ptr<OwnedSource> BuildSource() const { return std::make_unique<OwnedSource>(Build()); }

 private:
  struct Note {
    std::string name;
    uint32_t type;
    std::vector<uint8_t> descriptor;
  };

  TargetFormat format_;
  uint16_t machine_ = kElfMachineX86_64;
  Headers headers_ = Headers::kKernel;
  std::vector<Load> loads_;
  std::vector<Note> notes_;
  bool with_info_ = true;
  std::vector<std::pair<std::string, std::string>> info_;
};

}  // namespace crashdump::testing
