// SPDX-License-Identifier: GPL-2.0-or-later
// What is loaded: the kernel's file, and the initramfs with the overlay behind it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/format/key_record.h"
#include "common/storage/target_description.h"
#include "loader/architecture.h"
#include "loader/cpio_writer.h"

namespace crashdump {

// A kernel or initramfs that has been looked at, open for reading only.
struct BootFile {
  UniqueFd fd;
  uint64_t size = 0;    // bytes of the file
  uint64_t memory = 0;  // bytes that the capture kernel's memory must have for it, at least
};

// A kernel that this architecture's loaders take. kCorrupt if it is no kernel, kUnsupported if it is another
// architecture's, or in a form that is not taken, kTruncated if its end is missing. The error names `path`.
Result<BootFile> OpenKernel(const std::string& path, const Architecture& architecture);
// The open kernel for kexec-tools: a bzImage as a copy in memory with all the room behind it that it needs to unpack
// itself. kexec-tools for i386 leaves that out, and puts the random seed there (2.0.25 to 2.0.29,
// kexec/arch/i386/x86-linux-setup.c, setup_rng_seed): a kernel that finds pieces of itself in place of the seed may
// take all memory for reserved. Other kernels as they are.
Result<UniqueFd> WithRoomToUnpack(int kernel);

// kCorrupt unless the file begins like an initramfs (cpio, or compressed).
Result<BootFile> OpenInitramfs(const std::string& path);

// The overlay: /overlay/target, /overlay/arming, /overlay/target-drivers, /overlay/watchdog-drivers. It holds keys.
void WriteOverlay(const TargetDescription& description, const KeyArming& arming,
                  const std::vector<DeviceDriver>& watchdogs, CpioWriter& cpio);
// Room for an overlay.
inline constexpr size_t kOverlayCapacity = size_t{256} * 1024;

// A file in memory with the initramfs, zeros up to a multiple of 4 bytes, and `overlay`: open for reading only, because
// kexec_file_load answers ETXTBSY while anyone has it open for writing. It has no name on any disk. The overlay holds
// keys: its pages are never swapped, and erased when the object goes.
class JoinedInitramfs {
 public:
  static Result<JoinedInitramfs> Create(const BootFile& initramfs, Bytes overlay);
  JoinedInitramfs(JoinedInitramfs&& other) noexcept
      : file_(std::move(other.file_)), overlay_(std::exchange(other.overlay_, {})), pinned_(other.pinned_) {}
  JoinedInitramfs& operator=(JoinedInitramfs&&) = delete;
  ~JoinedInitramfs();

  const UniqueFd& file() const { return file_; }

 private:
  explicit JoinedInitramfs(UniqueFd file) : file_(std::move(file)) {}

  UniqueFd file_;
  Range overlay_;           // bytes of the file
  void* pinned_ = nullptr;  // its pages
};

}  // namespace crashdump
