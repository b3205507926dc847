// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/testing/fake_sysfs.h"

namespace crashdump {
namespace {

std::string ParentOf(const std::string& path) { return path.substr(0, path.rfind('/')); }
std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

FakeSysfs::FakeSysfs() {
  (void)directory_.MakeDirectory("sys/class/block");
  (void)directory_.MakeDirectory("dev");
}

void FakeSysfs::Link(const std::string& path, const std::string& target) {
  (void)directory_.MakeSymlink("sys/" + path, directory_.Path("sys/" + target));
}

void FakeSysfs::AddDisk(const std::string& path, const std::string& number, uint64_t sectors,
                        uint32_t logical_block_size) {
  const std::string name = BaseName(path);
  Write(path + "/dev", number + "\n");
  Write(path + "/size", std::to_string(sectors) + "\n");
  Write(path + "/ro", "0\n");
  Write(path + "/queue/logical_block_size", std::to_string(logical_block_size) + "\n");
  (void)directory_.MakeDirectory("sys/" + path + "/holders");
  (void)directory_.MakeDirectory("sys/" + path + "/slaves");
  const std::string parent = ParentOf(path);
  Link(path + "/device", BaseName(parent) == "block" ? ParentOf(parent) : parent);
  Link("class/block/" + name, path);
  Link("dev/block/" + number, path);
}

void FakeSysfs::AddPartition(const std::string& disk, const std::string& name, const std::string& number,
                             uint64_t start_sector, uint64_t sectors) {
  const std::string path = disk + "/" + name;
  Write(path + "/partition", "1\n");
  Write(path + "/dev", number + "\n");
  Write(path + "/size", std::to_string(sectors) + "\n");
  Write(path + "/start", std::to_string(start_sector) + "\n");
  Write(path + "/ro", "0\n");
  (void)directory_.MakeDirectory("sys/" + path + "/holders");
  Link("class/block/" + name, path);
  Link("dev/block/" + number, path);
}

void FakeSysfs::AddDriver(const std::string& device, const std::string& driver, const std::string& module) {
  (void)directory_.MakeDirectory("sys/" + device);
  (void)directory_.MakeDirectory("sys/bus/drivers/" + driver);
  if (!module.empty()) {
    (void)directory_.MakeDirectory("sys/module/" + module);
    Link("bus/drivers/" + driver + "/module", "module/" + module);
  }
  Link(device + "/driver", "bus/drivers/" + driver);
}

std::string FakeSysfs::WriteNode(const std::string& name, std::string_view content) {
  return directory_.WriteFile("dev/" + name, content);
}

std::string FakeSysfs::MakeNode(const std::string& name, uint64_t size) {
  return directory_.MakeSparseFile("dev/" + name, size);
}

}  // namespace crashdump
