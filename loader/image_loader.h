// SPDX-License-Identifier: GPL-2.0-or-later
// From kernel, initramfs, keys and target to a capture kernel in the reserved memory.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/base/state_directory.h"
#include "common/format/armed_record.h"
#include "common/format/key_record.h"
#include "common/storage/target_description.h"
#include "loader/architecture.h"
#include "loader/boot_image.h"
#include "loader/machine.h"

namespace crashdump {

// Whether this kernel takes a capture kernel now, and nobody else's is in its place or would come there.
Result<> CheckCanLoad(const Machine& machine, const StateDirectory& run);

// What is loaded for every arming.
struct ImageFiles {
  Architecture architecture;
  LoadMethod method = LoadMethod::kFileLoad;
  BootFile kernel;
  BootFile initramfs;
};

Result<ImageFiles> OpenImageFiles(const Machine& machine, const std::string& kernel, const std::string& initramfs);

// What the configuration adds.
struct ImageOptions {
  std::string command_line_append;
  unsigned cpus = 1;
};

// Ready for the kernel to be asked. It holds keys.
struct LoadableImage {
  JoinedInitramfs initramfs;
  std::string command_line;
  ArmedRecord record;
};

// kNoSpace if the reserved memory cannot hold it.
Result<LoadableImage> MakeLoadable(const Machine& machine, const ImageFiles& files, const ImageOptions& options,
                                   const TargetDescription& description, const KeyArming& arming);

// Asks the kernel, twice if need be; says before the call, in `run`, what may be loaded after it, and after it what is.
// On failure nothing is loaded, and what PANIC_ON= has set is set back, or what was loaded before still is.
Result<> LoadImage(Machine& machine, StateDirectory& run, const ImageFiles& files, const LoadableImage& image);

}  // namespace crashdump
