// SPDX-License-Identifier: GPL-2.0-or-later
// FakeMachine: a Machine over a tree of files and borrowed devices, for tests. It behaves as the kernel does where the
// loader relies on it: an active swap cannot be opened exclusively, loading frees the former image.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/io.h"
#include "common/base/parse.h"
#include "common/storage/swap_header.h"
#include "loader/fake_kernel.h"
#include "loader/load_method.h"
#include "loader/machine.h"

namespace crashdump {

// The file's contents in a newc archive that begins somewhere in `archive`, as the overlay does in an initramfs.
inline std::string FileInArchive(const std::string& archive, const std::string& path) {
  const size_t name = archive.find(path + '\0');
  if (name == std::string::npos) return "(absent)";
  const size_t header = name - 110;
  const uint64_t size = ParseHexNumber(std::string_view(archive).substr(header + 54, 8)).TakeValue();
  const uint64_t data = header + AlignUp(110 + path.size() + 1, 4);
  return archive.substr(static_cast<size_t>(data), static_cast<size_t>(size));
}

class FakeMachine final : public Machine {
 public:
  struct Device {
    DeviceIdentity identity;
    BlockDevice* device;  // borrowed
  };
  struct Swap {
    std::string path;
    dev_t device_number;
    uint64_t used_kib;
    int priority;
  };
  // What is in the crash reservation.
  struct Image {
    std::string kernel, initramfs, command_line;
  };
  enum class LoadFailure : uint8_t {
    kEarly,  // before the former image is freed
    kLate,
    kBusy,  // at once: somebody else is loading, or only asks for the size
  };

  // `root` is an empty directory. The machine has 1 GiB of memory, 128 MiB of them reserved, and kernel and initramfs
  // where the configuration looks for them.
  explicit FakeMachine(std::string root) : Machine(std::move(root)) {
    Write("/proc/meminfo", "MemTotal:        1048576 kB\nMemFree:          900000 kB\nMemAvailable:     900000 kB\n");
    Write("/proc/cmdline", "BOOT_IMAGE=/vmlinuz root=/dev/vda1 console=tty0 console=ttyS0,115200 quiet\n");
    Write("/proc/sys/kernel/random/boot_id", "11111111-2222-3333-4444-555555555555\n");
    Write("/proc/sys/kernel/kexec_load_disabled", "0\n");
    Write("/proc/sys/kernel/hardlockup_panic", "0\n");
    Write(kCrashSizePath, "134217728\n");
    Write(kCrashLoadedPath, "0\n");
    Write("/boot/vmlinuz-6.1.0-test", FakeBzImage());
    Write("/var/lib/crashdump/initramfs-6.1.0-test", "\x28\xb5\x2f\xfd the initramfs");
    WriteSwaps();
  }

  // A disk's second partition with the given number: "vda2", "vdb2".
  static DeviceIdentity Identity(const BlockDevice& device, unsigned disk = 0) {
    DeviceIdentity identity;
    identity.disk_name = std::string("vd") + static_cast<char>('a' + disk);
    identity.name = identity.disk_name + "2";
    identity.device_number = makedev(254, disk * 16 + 2);
    identity.size = device.size();
    identity.disk_size = device.size() + 64 * kMiB;
    identity.logical_block_size = device.logical_block_size();
    identity.start_sector = 2048;
    identity.serial = "SERIAL-" + std::to_string(disk);
    identity.part_uuid = "0000000" + std::to_string(disk) + "-1111-4222-8333-444444444444";
    identity.drivers = {{"virtio_pci", "pci:v00001AF4d00001042"}, {"virtio_blk", "virtio:d00000002v00001AF4"}};
    return identity;
  }

  void Write(const std::string& path, const std::string& text) const {
    constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC;
    Result<UniqueFd> file = OpenFile(Path(path).c_str(), kFlags);
    if (!file.ok()) {
      for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
        (void)mkdir(Path(path.substr(0, slash)).c_str(), 0700);
      }
      file = OpenFile(Path(path).c_str(), kFlags);
    }
    WriteFull(file.value().get(), BytesOf(text)).TakeValue();
  }
  void SetSwaps(std::vector<Swap> swaps) {
    swaps_ = std::move(swaps);
    WriteSwaps();
  }
  const std::vector<Swap>& swaps() const { return swaps_; }
  // A reboot: nothing is loaded or active, and the boot has another id.
  void Reboot() {
    image.reset();
    Write(kCrashLoadedPath, "0\n");
    Write("/proc/sys/kernel/random/boot_id", "11111111-2222-3333-4444-" + std::to_string(100'000'000'000 + ++boots_));
    SetSwaps({});
  }

  std::string KernelRelease() const override { return "6.1.0-test"; }
  std::string KernelMachine() const override { return kernel_machine; }
  uint32_t PageSize() const override { return page_size; }
  uint64_t SecondsSince1970() const override { return 1'800'000'000; }
  Result<uint64_t> FilesystemType(const char* /*path*/) const override { return filesystem_type; }
  bool IsNodeOf(const std::string& path, dev_t device_number) const override {
    for (const Device& device : devices) {
      if (path == "/dev/" + device.identity.name) return device.identity.device_number == device_number;
    }
    return false;
  }

  Result<std::vector<std::string>> ListDevices() const override {
    if (before_list) before_list();
    std::vector<std::string> names;
    names.reserve(devices.size());
    for (const Device& device : devices) names.push_back(device.identity.name);
    return names;
  }
  Result<std::vector<SwapDevice>> ListSwaps() const override {
    std::vector<SwapDevice> found;
    for (const Device& device : devices) {
      const Result<std::vector<uint8_t>> head = ReadSwapHead(*device.device);
      if (!head.ok() || (!FindSwapPageSize(head.value()) && !FindSuspendSignature(head.value()))) continue;
      SwapDevice swap{.uuid = {}, .identity = device.identity};
      std::copy_n(head.value().begin() + 1036, swap.uuid.size(), swap.uuid.begin());
      found.push_back(swap);
    }
    return found;
  }
  Result<std::vector<DeviceIdentity>> FindSwaps(const Uuid& uuid) const override {
    std::vector<DeviceIdentity> found;
    const std::vector<SwapDevice> swaps = TRY(ListSwaps());
    for (const SwapDevice& swap : swaps) {
      if (swap.uuid == uuid) found.push_back(swap.identity);
    }
    return found;
  }
  Result<std::unique_ptr<BlockDevice>> OpenDevice(const DeviceIdentity& identity, OpenMode mode) const override {
    for (const Device& device : devices) {
      if (device.identity.name != identity.name) continue;
      if (mode == OpenMode::kExclusive && IsActive(identity.device_number)) return Error::Os(EBUSY, "open");
      return std::unique_ptr<BlockDevice>(std::make_unique<Borrowed>(*device.device));
    }
    return Error::Os(ENOENT, "open");
  }
  Result<std::vector<SuspendedDevice>> FindSuspendedDevices() const override {
    std::vector<SuspendedDevice> found;
    for (const Device& device : devices) {
      const Result<std::vector<uint8_t>> head = ReadSwapHead(*device.device);
      if (!head.ok()) continue;
      if (const auto signature = FindSuspendSignature(head.value())) {
        found.push_back({device.identity.name, signature->name});
      }
    }
    return found;
  }
  std::vector<DeviceDriver> WatchdogDrivers() const override { return {{"i6300esb", "pci:v00008086d000025AB"}}; }
  Result<UniqueFd> LockDisk(const std::string& disk_name) const override {
    calls.push_back("lock " + disk_name);
    return UniqueFd();
  }

  Result<> SwapOff(const std::string& path) override {
    calls.push_back("swapoff " + path);
    std::erase_if(swaps_, [&](const Swap& swap) { return swap.path == path; });
    WriteSwaps();
    return {};
  }
  Result<> SwapOn(const std::string& path, int flags) override {
    calls.push_back("swapon " + path + " " + std::to_string(flags));
    if (swap_on_fails) return Error::Os(EINVAL, "swapon %s", path.c_str());
    for (const Device& device : devices) {
      if (path == "/dev/" + device.identity.name) swaps_.push_back({path, device.identity.device_number, 0, -2});
    }
    WriteSwaps();
    return {};
  }
  bool HasKexecFileLoad() const override { return has_kexec_file_load; }
  Result<> LoadCrashKernel(const CrashImage& to_load) override {
    calls.emplace_back("load");
    if (before_load) before_load();
    // The program below `root` may do what it wants.
    if (to_load.method == LoadMethod::kKexecTools) return LoadWithKexecTools(*this, to_load);
    if (!load_failures.empty()) {
      const LoadFailure failure = load_failures.back();
      load_failures.pop_back();
      if (failure == LoadFailure::kBusy) return Error::Os(EBUSY, "kexec_file_load");
      if (failure == LoadFailure::kLate) SetImage(std::nullopt);
      return Error::Os(ENOMEM, "kexec_file_load");
    }
    SetImage(Image{Contents(to_load.kernel), Contents(to_load.initramfs), to_load.command_line});
    return {};
  }
  Result<> UnloadCrashKernel() override {
    calls.emplace_back("unload");
    if (unload_fails) return Error::Os(EBUSY, "kexec_load (unload)");
    SetImage(std::nullopt);
    return {};
  }
  Result<> Panic() override {
    calls.emplace_back("panic");
    return Error::Os(EIO, "/proc/sysrq-trigger");
  }
  void SetImage(std::optional<Image> loaded) {
    image = std::move(loaded);
    Write(kCrashLoadedPath, image ? "1\n" : "0\n");
  }

  std::vector<Device> devices;
  std::string kernel_machine = "x86_64";
  uint32_t page_size = 4096;
  bool has_kexec_file_load = true;
  uint64_t filesystem_type = 0xef53;  // ext4
  std::optional<Image> image;
  bool swap_on_fails = false;
  bool unload_fails = false;
  std::vector<LoadFailure> load_failures;  // the last one comes first
  std::function<void()> before_load;
  std::function<void()> before_list;
  mutable std::vector<std::string> calls;

 private:
  class Borrowed final : public BlockDevice {
   public:
    explicit Borrowed(BlockDevice& device) : device_(device) {}
    Result<> ReadAt(uint64_t offset, MutableBytes out) const override { return device_.ReadAt(offset, out); }
    Result<> WriteAt(uint64_t offset, Bytes data) override { return device_.WriteAt(offset, data); }
    Result<> Flush() override { return device_.Flush(); }
    uint64_t size() const override { return device_.size(); }
    uint32_t logical_block_size() const override { return device_.logical_block_size(); }

   private:
    BlockDevice& device_;
  };

  bool IsActive(dev_t device_number) const {
    for (const Swap& swap : swaps_) {
      if (swap.device_number == device_number) return true;
    }
    return false;
  }
  static std::string Contents(int fd) {
    struct stat status {};
    Require(fstat(fd, &status) == 0);
    std::string contents(static_cast<size_t>(status.st_size), '\0');
    PreadFull(fd, 0, MutableBytesOf(contents)).TakeValue();
    return contents;
  }
  void WriteSwaps() const {
    std::string text = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
    for (const Swap& swap : swaps_) {
      text += swap.path + " partition\t1048572\t\t" + std::to_string(swap.used_kib) + "\t\t" +
              std::to_string(swap.priority) + "\n";
    }
    Write("/proc/swaps", text);
  }

  std::vector<Swap> swaps_;
  uint64_t boots_ = 0;
};

}  // namespace crashdump
