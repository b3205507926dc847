// SPDX-License-Identifier: GPL-2.0-or-later
// CaptureModules: the drivers that a capture initramfs has, so that one that is missing is named before the crash.
#pragma once

#include <utility>

#include "common/base/result.h"
#include "common/options/module_index.h"
#include "common/storage/device_drivers.h"

namespace crashdump {

class CaptureModules {
 public:
  // Of the archive (newc) that the open file begins with, which is plain or one zstd frame, as mkcrashinitramfs makes
  // it. kUnsupported if it is packed in another way, has no list of modules, or is too large to be one of those.
  static Result<CaptureModules> Read(int initramfs);

  // Whether the image has the driver, or its kernel has it built in. Of one that has no name here that cannot be told:
  // true.
  bool Has(const DeviceDriver& driver) const;

 private:
  CaptureModules(ModuleIndex index, ModuleIndex builtin) : index_(std::move(index)), builtin_(std::move(builtin)) {}

  ModuleIndex index_;
  ModuleIndex builtin_;  // into the kernel
};

}  // namespace crashdump
