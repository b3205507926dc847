// SPDX-License-Identifier: GPL-2.0-or-later
// LifeCycleWorld: a machine, its one disk and the two systems that are installed on it, for tests of everything that
// can come between the preparing of a swap and the recovery of its last dump. The programs are the product's; the disk,
// the state directories and the kernel are fakes that forget what a power cut takes.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/options/recover_options.h"
#include "common/testing/fake_block_device.h"
#include "common/testing/fake_state_directory.h"
#include "common/testing/fsynced_directory.h"
#include "common/testing/power_switch.h"
#include "common/testing/random.h"
#include "common/testing/system_calls.h"
#include "common/testing/temp_directory.h"
#include "loader/fake_machine.h"
#include "loader/prepare_swap.h"
#include "loader/state.h"
#include "recover/collector.h"

namespace crashdump {

// What one installed system keeps below /var.
struct Installation {
  explicit Installation(PowerSwitch& power) : var(power) {
    keys.ConnectTo(&power);
    regions.ConnectTo(&power);
  }
  FakeStateDirectory keys, regions, remembered;
  FsyncedDirectory var;  // /var, as far as /var/crash is concerned
};

// How a program ends that does not come to its end.
enum class Ending : uint8_t {
  kDone,
  kKilled,
  kPanic,     // of the kernel under it
  kPowerCut,  // also takes what the disk has not flushed
};
struct Interruption {
  Ending ending = Ending::kDone;
  uint64_t step = 0;  // of the power switch
  PowerSwitch::Moment moment = PowerSwitch::Moment::kBefore;
};

// What a power cut leaves of that which was not flushed: on the disk as FakeBlockDevice says, below /var by `choice`
// too.
struct PowerLoss {
  FakeBlockDevice::Survivors survivors = FakeBlockDevice::Survivors::kNone;
  uint64_t choice = 0;
};

class LifeCycleWorld {
 public:
  static constexpr uint64_t kDeviceBytes = 96 * kMiB;
  static constexpr unsigned kInstallations = 2;
  static constexpr const char* kSerial = "SERIAL-1";

  // A swap that nobody has prepared; the first installation is running. Everything random follows from the seed, keys
  // and ids too.
  explicit LifeCycleWorld(uint64_t seed);

  Random& random() { return random_; }
  PowerSwitch& power() { return power_; }
  // The one that is in the machine.
  FakeBlockDevice& disk() { return HasOldCopy() ? *old_copy_ : disk_; }
  FakeBlockDevice& original_disk() { return disk_; }
  FakeMachine& machine() { return machine_; }
  Installation& installation(unsigned index) { return installations_.at(index); }
  unsigned active() const { return active_; }
  Installation& active_installation() { return installations_.at(active_); }
  FakeStateDirectory& run() { return run_; }
  StateDirectories state() {
    return {active_installation().keys, active_installation().regions, run_, active_installation().remembered};
  }

  // The file's text in the overlay of the image that is loaded.
  std::string Overlay(const char* path) const { return FileInArchive(machine_.image->initramfs, path); }
  // Of the header on the disk, as the kernel reads it.
  Uuid SwapUuid();
  uint32_t LastPage();
  // A swap that nobody has shortened, or a region that is whole and that the running system knows.
  bool HasSoundSwap();
  bool SwapIsActive() const { return !machine_.swaps().empty(); }

  // Runs a program and ends it as told, if it comes that far: true if it did not come to its end. After kPanic and
  // kPowerCut the kernel is still to be stopped.
  bool Run(const Interruption& interruption, const std::function<void()>& program);
  // Of the power switch, that the last program took.
  uint64_t steps() const { return steps_; }
  // The running kernel ends: the page cache and the active swaps are gone. The image stays in memory.
  void StopKernel();
  // Power is gone: so is what the disk has not flushed, and the image. At random, or as told.
  void LosePower();
  void LosePower(const PowerLoss& loss);
  void Boot(unsigned installation);
  // Puts the running kernel, with the image that it has loaded, away for a later Resume(), and stops it.
  void Hibernate();
  bool can_resume() const { return asleep_.has_value(); }
  void Resume();

  // The programs. The errors of the commands that are the product's are theirs.
  Result<> Prepare(PrepareAction action, UnrecoveredDumps unrecovered, uint64_t reserve);
  Result<> Load();
  Result<> Unload();
  // `minimum_free` as Publisher's.
  enum class Then : uint8_t { kArm, kEnd };
  Result<> Recover(uint64_t minimum_free, Then then, const Retention& retention = {});
  // Not of the product, and never cut off: what util-linux does to a swap, with a new UUID or (mkswap -U) the one that
  // it had.
  void MakeSwap(bool keeps_uuid);
  // Turns the swap on, as far as its header is one.
  void SwapOn();
  void SwapOff() { machine_.SetSwaps({}); }
  // What the kernel does with an active swap: writes pages, those of `wanted` that belong to the swap and some others.
  // Where it wrote, in bytes of the device.
  std::vector<Range> Swap(const std::vector<uint64_t>& wanted_pages);

  // The administrator's part: /etc/crashdump.conf names the swap that is there.
  void Configure();
  // What is where the disk was: itself, nothing, or another disk with the contents that it had at KeepCopy().
  enum class InPlace : uint8_t { kDisk, kNothing, kOldCopy };
  void SetDisk(InPlace in_place, const char* serial = kSerial);
  void KeepCopy() { old_copy_ = std::make_unique<FakeBlockDevice>(disk_); }
  bool has_copy() const { return old_copy_ != nullptr; }
  InPlace in_place() const { return in_place_; }
  bool HasDisk() const { return in_place_ != InPlace::kNothing; }
  bool HasOldCopy() const { return in_place_ == InPlace::kOldCopy; }
  const DeviceIdentity& identity() const { return identity_; }

  // Called before every operation on a state directory, as long as there is power: to look, or to do something that
  // another program does meanwhile.
  void Watch(std::function<void()> callback) { watch_ = std::move(callback); }
  void Meanwhile(std::function<void()> callback) { meanwhile_ = std::move(callback); }
  // Whether a command holds the lock that they take in turn.
  bool IsLocked() const;

 private:
  struct Asleep {
    unsigned installation;
    std::string boot_id;
    std::optional<FakeMachine::Image> image;
    std::map<std::string, std::string> run_files;
  };

  void StopKernel(uint64_t choice);
  Result<UniqueFd> Lock() const;
  void BeforeStateOperation();

  Random random_;
  SeededRandomness randomness_;
  PowerSwitch power_;
  TempDirectory root_ = TempDirectory::InMemory();
  FakeBlockDevice disk_{kDeviceBytes};
  std::unique_ptr<FakeBlockDevice> old_copy_;
  InPlace in_place_ = InPlace::kDisk;
  FakeMachine machine_{root_.path()};
  DeviceIdentity identity_;
  std::array<Installation, kInstallations> installations_{Installation(power_), Installation(power_)};
  FakeStateDirectory run_;
  unsigned active_ = 0;
  uint64_t steps_ = 0;
  bool has_recovered_ = false;  // since the boot
  std::optional<Asleep> asleep_;
  std::function<void()> watch_, meanwhile_;
};

}  // namespace crashdump
