// SPDX-License-Identifier: GPL-2.0-or-later
// What is taken, as of Linux 6.1 and kexec-tools 2.0.25:
//   x86_64   bzImage with a 64-bit entry (arch/x86/kernel/kexec-bzimage64.c)
//   i386     any bzImage (a 64-bit kernel has a 32-bit entry, too), and a 32-bit vmlinux (kexec-tools)
//   ppc64*   vmlinux (arch/powerpc/kexec/elf_64.c; kexec-tools)
#include "loader/kernel_image.h"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <string>
#include <vector>

#include "common/base/endian.h"
#include "common/base/io.h"
#include "common/vmcore/elf_layout.h"
#include "common/vmcore/target_machine.h"

namespace crashdump {
namespace {

// The beginning of a bzImage (Linux Documentation/x86/boot.rst).
struct SetupHeader {
  uint8_t unused_000[0x1f1];
  uint8_t setup_sectors;  // behind the first one; they are not loaded
  uint8_t unused_1f2[2];
  le32 paragraphs;  // of 16 bytes, behind the setup sectors
  uint8_t unused_1f8[0x1fe - 0x1f8];
  le16 boot_flag;  // 0xaa55
  uint8_t unused_200[2];
  uint8_t magic[4];  // "HdrS"
  le16 version;
  uint8_t unused_208[9];
  uint8_t load_flags;
  uint8_t unused_212[0x236 - 0x212];
  le16 extended_load_flags;
  uint8_t unused_238[0x260 - 0x238];
  le32 init_size;  // the memory that it needs to unpack itself
};
static_assert(offsetof(SetupHeader, version) == 0x206 && offsetof(SetupHeader, load_flags) == 0x211);
static_assert(offsetof(SetupHeader, extended_load_flags) == 0x236 && offsetof(SetupHeader, init_size) == 0x260);

constexpr uint64_t kSectorBytes = 512;
constexpr uint64_t kParagraphBytes = 16;
constexpr uint16_t kBootFlag = 0xaa55;
constexpr uint16_t kVersionWithInitSize = 0x20a;
constexpr uint16_t kVersionWithExtendedFlags = 0x20c;
constexpr uint8_t kLoadedHigh = 1;
constexpr uint16_t kKernel64 = 1;
constexpr uint16_t kLoadedAbove4G = 2;

Error NoKernel() { return Error::Format(ErrorCode::kCorrupt, "no kernel image"); }

// Nobody else would notice: a bzImage without its end is loaded, and dies when it unpacks itself.
Result<> CheckWhole(uint64_t size, uint64_t wanted) {
  if (size >= wanted) return {};
  return Error::Format(ErrorCode::kTruncated, "cut off: the kernel has %" PRIu64 " bytes, and there are %" PRIu64,
                       wanted, size);
}

bool IsBzImage(const SetupHeader& header) { return Equal(Bytes(header.magic), BytesOf("HdrS")); }

uint64_t SetupBytes(const SetupHeader& header) { return (uint64_t{header.setup_sectors} + 1) * kSectorBytes; }

uint64_t InitSize(const SetupHeader& header) {
  return header.version >= kVersionWithInitSize ? uint32_t{header.init_size} : 0;
}

Result<uint64_t> CheckBzImage(const SetupHeader& header, uint64_t size, const Architecture& architecture) {
  const std::string name(architecture.name);
  if (architecture.family != KernelFamily::kX86) {
    return Error::Format(ErrorCode::kUnsupported, "a kernel of an x86 machine, and this one is %s", name.c_str());
  }
  if (header.boot_flag != kBootFlag || (header.load_flags & kLoadedHigh) == 0) return NoKernel();
  constexpr uint16_t kWanted = kKernel64 | kLoadedAbove4G;
  const bool is_64 = header.version >= kVersionWithExtendedFlags && (header.extended_load_flags & kWanted) == kWanted;
  if (architecture.format.word == WordSize::k64 && !is_64) {
    return Error::Format(ErrorCode::kUnsupported,
                         "a 32-bit kernel, which the kernel of this machine (%s) does not load", name.c_str());
  }
  TRY(CheckWhole(size, SetupBytes(header) + uint32_t{header.paragraphs} * kParagraphBytes));
  return std::max(size, InitSize(header));
}

// The machine of its ELF header, for people.
std::string MachineName(uint64_t machine, const TargetFormat& format) {
  const TargetMachine* known = FindTargetMachine(static_cast<uint16_t>(machine), format.order);
  return known != nullptr ? known->name : "ELF machine " + std::to_string(machine);
}

uint64_t ElfMachineOf(const Architecture& architecture) {
  if (architecture.family == KernelFamily::kPowerpc) return kElfMachinePpc64;
  return architecture.format.word == WordSize::k64 ? kElfMachineX86_64 : kElfMachine386;
}

// All that it has in memory. Debug information, which may be most of the file, is not.
Result<uint64_t> LoadedBytes(int fd, uint64_t size, Bytes header, const Architecture& architecture) {
  const ElfLayout& layout = ElfLayoutOf(architecture.format.word);
  const ByteOrder order = architecture.format.order;
  const uint64_t count = layout.program_count.Load(header, order);
  if (layout.program_entry_bytes.Load(header, order) != layout.program_header_bytes) return NoKernel();
  std::vector<uint8_t> segments(static_cast<size_t>(count) * layout.program_header_bytes);
  TRY(PreadFull(fd, layout.program_offset.Load(header, order), segments), "program headers");
  uint64_t loaded = 0;
  for (size_t i = 0; i < count; ++i) {
    const Bytes segment = Bytes(segments).subspan(i * layout.program_header_bytes, layout.program_header_bytes);
    if (layout.segment_type.Load(segment, order) != kSegmentLoad) continue;
    uint64_t end = 0;
    if (__builtin_add_overflow(layout.file_offset.Load(segment, order), layout.file_size.Load(segment, order), &end) ||
        __builtin_add_overflow(loaded, layout.memory_size.Load(segment, order), &loaded)) {
      return NoKernel();
    }
    TRY(CheckWhole(size, end));
  }
  if (loaded == 0) return NoKernel();
  return loaded;
}

Result<uint64_t> CheckVmlinux(int fd, uint64_t size, Bytes header, const Architecture& architecture) {
  const std::string name(architecture.name);
  if (architecture.family == KernelFamily::kX86 && architecture.format.word == WordSize::k64) {
    return Error::Format(ErrorCode::kUnsupported, "an ELF file, and %s loads a bzImage only (vmlinuz)", name.c_str());
  }
  const TargetFormat found = {header[kElfIdentData] == kElfDataBig ? ByteOrder::kBig : ByteOrder::kLittle,
                              header[kElfIdentClass] == kElfClass32 ? WordSize::k32 : WordSize::k64};
  const uint64_t machine = ElfLayoutOf(found.word).machine.Load(header, found.order);
  if (machine != ElfMachineOf(architecture) || found != architecture.format) {
    return Error::Format(ErrorCode::kUnsupported, "a %u-bit kernel for %s, and this machine is %s",
                         8 * found.word_bytes(), MachineName(machine, found).c_str(), name.c_str());
  }
  return LoadedBytes(fd, size, header, architecture);
}

}  // namespace

Result<uint64_t> CheckKernelImage(int fd, uint64_t size, const Architecture& architecture) {
  std::array<uint8_t, sizeof(SetupHeader)> head{};
  if (size < head.size()) return NoKernel();
  TRY(PreadFull(fd, 0, head));
  const auto setup = LoadObject<SetupHeader>(head);
  if (IsBzImage(setup)) return CheckBzImage(setup, size, architecture);
  if (Equal(Bytes(head).first(sizeof(kElfMagic)), Bytes(kElfMagic))) return CheckVmlinux(fd, size, head, architecture);
  return NoKernel();
}

Result<uint64_t> SizeWithRoomToUnpack(int fd, uint64_t size) {
  std::array<uint8_t, sizeof(SetupHeader)> head{};
  if (size < head.size()) return uint64_t{0};
  TRY(PreadFull(fd, 0, head));
  const auto setup = LoadObject<SetupHeader>(head);
  if (!IsBzImage(setup)) return uint64_t{0};
  return std::max(size, SetupBytes(setup) + InitSize(setup));
}

}  // namespace crashdump
