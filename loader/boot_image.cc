// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/boot_image.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/base/endian.h"
#include "common/base/io.h"
#include "common/base/units.h"
#include "common/crypto/crypto.h"
#include "loader/kernel_image.h"

namespace crashdump {
namespace {

constexpr size_t kHeadBytes = 1024;
// A vmlinux with debug information may have a gibibyte.
constexpr uint64_t kLargestKernel = 4 * kGiB - 1;
constexpr uint64_t kLargestInitramfs = kGiB;
constexpr uint64_t kCopyBytes = kMiB;
// At least as large as the machine's: mmap() wants offsets in its pages.
constexpr uint64_t kPageBytes = 64 * kKiB;

struct OpenedFile {
  BootFile file;
  std::vector<uint8_t> head;
};

Result<OpenedFile> OpenBootFile(const std::string& path, uint64_t largest) {
  OpenedFile opened;
  opened.file.fd = TRY(OpenFile(path.c_str(), O_RDONLY), "%s", path.c_str());
  struct stat status {};
  if (fstat(opened.file.fd.get(), &status) != 0) return Error::Os(errno, "%s: fstat", path.c_str());
  if (!S_ISREG(status.st_mode)) {
    return Error::Format(ErrorCode::kInvalidArgument, "%s is no regular file", path.c_str());
  }
  opened.file.size = opened.file.memory = static_cast<uint64_t>(status.st_size);
  if (opened.file.size > largest) {
    return Error::Format(ErrorCode::kInvalidArgument, "%s is larger than a kernel or initramfs can be", path.c_str());
  }
  opened.head.resize(static_cast<size_t>(std::min<uint64_t>(opened.file.size, kHeadBytes)));
  TRY(PreadFull(opened.file.fd.get(), 0, opened.head), "%s", path.c_str());
  return opened;
}

std::string PathOf(const UniqueFd& file) { return "/proc/self/fd/" + std::to_string(file.get()); }

bool Has(Bytes head, size_t offset, std::string_view magic) {
  return head.size() >= offset + magic.size() && Equal(head.subspan(offset, magic.size()), BytesOf(magic));
}

// A file in memory, for reading and writing, which begins with what the other has.
Result<UniqueFd> CopyToMemory(int file, uint64_t size) {
  UniqueFd copy(memfd_create("crashdump", MFD_CLOEXEC));
  if (!copy.valid()) return Error::Os(errno, "memfd_create");
  std::vector<uint8_t> buffer(static_cast<size_t>(std::min(kCopyBytes, size)));
  for (uint64_t offset = 0; offset < size; offset += kCopyBytes) {
    const MutableBytes part = MutableBytes(buffer).first(static_cast<size_t>(std::min(kCopyBytes, size - offset)));
    TRY(PreadFull(file, offset, part));
    TRY(PwriteFull(copy.get(), offset, part), "a copy in memory");
  }
  return copy;
}

}  // namespace

Result<UniqueFd> WithRoomToUnpack(int kernel) {
  const uint64_t size = TRY(FileSize(kernel));
  const uint64_t wanted = TRY(SizeWithRoomToUnpack(kernel, size));
  if (wanted == 0) {
    UniqueFd same(fcntl(kernel, F_DUPFD_CLOEXEC, 0));
    if (!same.valid()) return Error::Os(errno, "fcntl");
    return same;
  }
  UniqueFd copy = TRY(CopyToMemory(kernel, size));
  if (ftruncate(copy.get(), static_cast<off_t>(wanted)) != 0) return Error::Os(errno, "ftruncate");
  return copy;
}

Result<BootFile> OpenKernel(const std::string& path, const Architecture& architecture) {
  OpenedFile opened = TRY(OpenBootFile(path, kLargestKernel));
  BootFile& file = opened.file;
  file.memory = TRY(CheckKernelImage(file.fd.get(), file.size, architecture), "%s", path.c_str());
  return std::move(file);
}

Result<BootFile> OpenInitramfs(const std::string& path) {
  OpenedFile opened = TRY(OpenBootFile(path, kLargestInitramfs));
  constexpr std::array<std::string_view, 6> kMagics{"070701",
                                                    "\x28\xb5\x2f\xfd",
                                                    "\x1f\x8b",
                                                    "\xfd"
                                                    "7zXZ",
                                                    "\x02\x21\x4c\x18",
                                                    "\x5d"};  // cpio, zstd, gzip, xz, lz4, lzma
  if (std::none_of(kMagics.begin(), kMagics.end(),
                   [&](std::string_view magic) { return Has(opened.head, 0, magic); })) {
    return Error::Format(ErrorCode::kCorrupt, "%s is no initramfs", path.c_str());
  }
  return std::move(opened.file);
}

namespace {

// Without what each depends on: that is for init to find out, from the capture kernel's own modules.dep.
void AddDriverList(const char* path, const std::vector<DeviceDriver>& drivers, CpioWriter& cpio) {
  std::string list;
  for (const DeviceDriver& driver : drivers) list += FormatDriver(driver) + "\n";
  cpio.AddFile(path, BytesOf(list));
}

}  // namespace

void WriteOverlay(const TargetDescription& description, const KeyArming& arming,
                  const std::vector<DeviceDriver>& watchdogs, CpioWriter& cpio) {
  const std::string target = FormatTargetDescription(description);
  std::string secrets = arming.ToText();
  cpio.AddDirectory("overlay");
  cpio.AddFile("overlay/target", BytesOf(target));
  cpio.AddFile("overlay/arming", BytesOf(secrets));
  std::vector<DeviceDriver> drivers;
  for (const TargetDevice& device : description.devices) {
    drivers.insert(drivers.end(), device.drivers.begin(), device.drivers.end());
  }
  AddDriverList("overlay/target-drivers", drivers, cpio);
  AddDriverList("overlay/watchdog-drivers", watchdogs, cpio);
  cpio.Finish();
  Wipe(MutableBytesOf(secrets));
}

namespace {

Range PagesOf(const Range& bytes) { return {AlignDown(bytes.begin, kPageBytes), AlignUp(bytes.end, kPageBytes)}; }

}  // namespace

Result<JoinedInitramfs> JoinedInitramfs::Create(const BootFile& initramfs, Bytes overlay) {
  const UniqueFd writer = TRY(CopyToMemory(initramfs.fd.get(), initramfs.size), "initramfs");
  const uint64_t begin = AlignUp(initramfs.size, 4);
  const Range range = {begin, begin + overlay.size()};
  if (ftruncate(writer.get(), static_cast<off_t>(range.end)) != 0) return Error::Os(errno, "ftruncate");
  JoinedInitramfs joined(TRY(OpenFile(PathOf(writer).c_str(), O_RDONLY), "initramfs in memory"));
  // Through the descriptor for reading: a mapping for writing would count as open for writing.
  const Range pages = PagesOf(range);
  void* const mapped = mmap(nullptr, static_cast<size_t>(pages.size()), PROT_READ, MAP_SHARED, joined.file_.get(),
                            static_cast<off_t>(pages.begin));
  if (mapped == MAP_FAILED) return Error::Os(errno, "initramfs in memory: mmap");
  joined.pinned_ = mapped;
  joined.overlay_ = range;
  // As LockMemory(): where it cannot be locked, the machine is armed all the same.
  (void)mlock(mapped, static_cast<size_t>(pages.size()));
  TRY(PwriteFull(writer.get(), range.begin, overlay), "overlay in memory");
  return joined;
}

JoinedInitramfs::~JoinedInitramfs() {
  if (overlay_.empty()) return;
  const Result<UniqueFd> writer = OpenFile(PathOf(file_).c_str(), O_WRONLY);
  const std::vector<uint8_t> zeros(static_cast<size_t>(overlay_.size()));
  if (writer.ok()) (void)PwriteFull(writer.value().get(), overlay_.begin, zeros);
  (void)munmap(pinned_, static_cast<size_t>(PagesOf(overlay_).size()));
}

}  // namespace crashdump
