// SPDX-License-Identifier: GPL-2.0-or-later
// FakeSysfs: a tree like /sys, and a directory like /dev with regular files as nodes, for what reads device facts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/storage/device_identity.h"
#include "common/testing/temp_directory.h"

namespace crashdump {

// Paths are relative to the root of the tree: "devices/pci0000:00/.../block/vda".
class FakeSysfs {
 public:
  FakeSysfs();

  SystemPaths paths() const { return {directory_.Path("sys"), directory_.Path("dev")}; }

  // A disk whose parent device is two levels up if that level is called "block", else one. `sectors` of 512 bytes.
  void AddDisk(const std::string& path, const std::string& number, uint64_t sectors, uint32_t logical_block_size = 512);
  void AddPartition(const std::string& disk, const std::string& name, const std::string& number, uint64_t start_sector,
                    uint64_t sectors);
  // Gives a device a driver; `module` empty for a built-in one.
  void AddDriver(const std::string& device, const std::string& driver, const std::string& module);
  void Write(const std::string& path, std::string_view text) { (void)directory_.WriteFile("sys/" + path, text); }
  void Link(const std::string& path, const std::string& target);

  // The file that stands for a device node; returns its path.
  std::string WriteNode(const std::string& name, std::string_view content);
  std::string MakeNode(const std::string& name, uint64_t size);

 private:
  TempDirectory directory_;
};

}  // namespace crashdump
