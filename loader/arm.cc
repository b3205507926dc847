// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/arm.h"

#include <algorithm>
#include <memory>

#include "common/base/parse.h"
#include "common/base/range_source.h"
#include "common/crypto/crypto.h"
#include "common/format/armed_record.h"
#include "common/format/key_policy.h"
#include "common/format/key_store.h"
#include "common/options/capture_options.h"
#include "common/storage/device_hints.h"
#include "common/storage/region_store.h"
#include "common/storage/target_description.h"
#include "common/storage/target_proof.h"
#include "loader/boot_image.h"
#include "loader/capture_command_line.h"
#include "loader/capture_modules.h"
#include "loader/choose_swap.h"
#include "loader/load_method.h"
#include "loader/load_refusal.h"
#include "loader/occupancy.h"
#include "loader/other_dumpers.h"
#include "loader/panic_causes.h"
#include "loader/system_facts.h"
#include "loader/target.h"
#include "loader/unload.h"

namespace crashdump {
namespace {

// The target as it is now, proven to be of this installation.
struct Target {
  DeviceIdentity identity;
  std::unique_ptr<BlockDevice> device;
  TargetDevice described;
};

// A place for the next dump.
struct Allocation {
  Occupancy occupancy;
  unsigned slot = 0;
  Range slot_range;
  Range extent;
};

Result<> CheckKernelCanLoad(const Machine& machine) {
  if (!machine.Exists(kCrashSizePath)) {
    return Error::Format(ErrorCode::kUnsupported, "this kernel cannot load a capture kernel (no CONFIG_KEXEC)");
  }
  const uint64_t reserved = TRY(CrashReservation(machine));
  if (reserved == 0) {
    return Error::Format(ErrorCode::kRefused,
                         "no memory is reserved for a capture kernel: add crashkernel=192M to the kernel command line "
                         "and reboot");
  }
  constexpr const char* kLoadDisabled = "/proc/sys/kernel/kexec_load_disabled";
  if (!machine.Exists(kLoadDisabled)) return {};
  const std::string disabled = TRY(machine.ReadText(kLoadDisabled));
  if (TrimSpace(disabled) != "0") {
    return Error::Format(ErrorCode::kRefused,
                         "the sysctl kernel.kexec_load_disabled is set: nothing can be loaded until the next boot");
  }
  return {};
}

Result<Target> OpenTarget(const Machine& machine, const StateDirectories& state, const Uuid& uuid) {
  Target target;
  target.identity = TRY(FindTarget(machine, uuid));
  const char* const name = target.identity.name.c_str();
  target.device = TRY(machine.OpenDevice(target.identity, OpenMode::kReadOnly), "%s", name);
  const Result<TargetDevice> described = DescribeDevice(*target.device, target.identity, machine.PageSize());
  if (!described.ok() && described.error().code() == ErrorCode::kNotFound) {
    return Error::Format(ErrorCode::kRefused, "%s: %s: run `crashdump prepare` first", name, described.error().text());
  }
  target.described = TRY(described, "%s", name);
  const std::vector<StoredRegion> stored = TRY(RegionStore(state.regions).ReadAll());
  const auto own = std::find_if(stored.begin(), stored.end(), [&](const StoredRegion& region) {
    return region.stamp.region_id == target.described.region_id;
  });
  if (own == stored.end()) {
    return Error::Format(
        ErrorCode::kRefused,
        "%s: the region (%s) is another installation's, or /var is not mounted yet: `crashdump prepare "
        "--adopt` takes it over",
        name, ToHex(target.described.region_id).c_str());
  }
  TRY(CheckStamps(*target.device, own->stamp), "%s", name);
  return target;
}

Result<Allocation> Allocate(const Target& target, const KeyStore::Contents& keys) {
  if (!keys.damaged.empty()) {
    const KeyStore::Damaged& damaged = keys.damaged.front();
    return Error::Format(
        ErrorCode::kRefused,
        "key record %s is damaged (%s): its dump could be anywhere in the region; repair it, or remove "
        "it from %s to give that dump up",
        damaged.name.c_str(), damaged.error.text(), kKeysPath);
  }
  const Region region = TRY(Region::Create(target.described.region));
  Allocation allocation;
  allocation.occupancy = ComputeOccupancy(RangeSource(*target.device, target.described.region), region,
                                          target.described.region_id, keys.records);
  const std::optional<unsigned> slot = FreeSlot(allocation.occupancy);
  if (!slot) {
    return Error::Format(ErrorCode::kNoSpace,
                         "%s: all %u message slots hold dumps that have not been recovered: run `crashdump recover`",
                         target.identity.name.c_str(), kSlotCount);
  }
  allocation.slot = *slot;
  allocation.slot_range = region.Slot(*slot);
  allocation.extent = LargestFreeExtent(region, allocation.occupancy);
  return allocation;
}

// The record for the state directory, and what travels in the overlay.
Result<KeyRecord> MakeKeyRecord(const Machine& machine, const Target& target, const Allocation& allocation,
                                const std::string& boot_id) {
  KeyRecord record;
  record.credentials.kind = KeyKind::kPlainFile;
  record.credentials.region_id = target.described.region_id;
  TRY(RandomBytes(record.credentials.key_id), "key id");
  record.credentials.authentication_key = TRY(Key::Generate(), "key");
  record.credentials.encryption_key = TRY(Key::Generate(), "key");
  record.slot_index = allocation.slot;
  record.slot_offset = allocation.slot_range.begin;
  record.extent = allocation.extent;
  record.boot_id = boot_id;
  record.swap_uuid = FormatUuid(target.described.swap_uuid);
  record.created = machine.SecondsSince1970();
  record.hints = HintsOf(target.described);
  return record;
}

Result<TargetDescription> Describe(const Target& target, const Allocation& allocation) {
  TargetDescription description;
  description.devices.push_back(target.described);
  description.extents.push_back({0, allocation.extent});
  description.slot = allocation.slot;
  // What capture will ask after the crash must hold now.
  const TargetDescription parsed = TRY(ParseTargetDescription(FormatTargetDescription(description)), "description");
  TRY(Prove(parsed, *target.device, target.identity, 1), "%s", target.identity.name.c_str());
  return description;
}

// Whether the image that was loaded before a failed call is still there: kexec_file_load frees it after its first
// checks, and only then looks at the new one (kernel/kexec_file.c, 6.1).
bool IsStillLoaded(const Machine& machine) {
  const Result<bool> loaded = IsCrashKernelLoaded(machine);
  return loaded.ok() && loaded.value();
}

Result<> CallKernel(Machine& machine, const CrashImage& image) {
  const Result<> first = machine.LoadCrashKernel(image);
  // Once more: the call fails for want of memory or because another kexec call is running, and both pass. Not so a
  // program that hangs.
  if (!first.ok() && first.error().code() == ErrorCode::kTimeout) return first.error();
  if (!first.ok()) {
    const Result<> second = machine.LoadCrashKernel(image);
    if (!second.ok()) return second.error();
  }
  const bool loaded = TRY(IsCrashKernelLoaded(machine));
  if (!loaded) {
    return Error::Format(ErrorCode::kOs, "%s succeeded, but no capture kernel is loaded", NameOf(image.method));
  }
  return {};
}

// Says before the call what may be loaded after it, and after it what is.
Result<> Load(Machine& machine, StateDirectory& run, ArmedRecord record, const CrashImage& image) {
  const std::optional<std::string> former = TRY(run.Read(kArmedRecordName), "record of the loaded image");
  // kexec-tools takes its time, and what was loaded before is gone from the beginning.
  if (image.method == LoadMethod::kKexecTools) (void)ClearPanicCauses(machine, run);
  record.state = ArmedState::kLoading;
  TRY(run.Replace(kArmedRecordName, record.ToText()), "record of the loaded image");
  const Result<> loaded = CallKernel(machine, image);
  if (!loaded.ok()) {
    if (former && IsStillLoaded(machine)) {
      TRY(run.Replace(kArmedRecordName, *former), "record of the loaded image");
    } else {
      (void)ClearPanicCauses(machine, run);
      TRY(run.Remove(kArmedRecordName), "record of the loaded image");
    }
    return ExplainLoadError(machine, loaded.error());
  }
  record.state = ArmedState::kArmed;
  TRY(run.Replace(kArmedRecordName, record.ToText()), "the capture kernel is loaded, but the record of it");
  return {};
}

void DeleteDeadKeys(KeyStore& store, const KeyStore::Contents& keys, const Target& target, const Occupancy& occupancy,
                    const BootFacts& boot, ArmReport& report) {
  for (size_t i = 0; i < keys.records.size(); ++i) {
    const KeyRecord& record = keys.records[i];
    if (record.credentials.region_id != target.described.region_id) continue;
    const AttemptStates& states = occupancy.attempts[i];
    report.waiting_dumps += static_cast<unsigned>(std::count(states.begin(), states.end(), AttemptState::kUnrecovered));
    // The same stamps on another disk are a copy; the dump may be on the disk that the record means.
    const Result<DeviceHints> hints = ParseHints(record.hints);
    if (!hints.ok() || !SameDevice(hints.value(), target.identity)) continue;
    if (!MayDeleteKey(record, states, boot)) continue;
    const Result<> removed = store.Remove(record.credentials.key_id);
    if (removed.ok()) {
      ++report.deleted_keys;
    } else {
      report.notes.emplace_back(std::string("a key record that serves nothing any more stays: ") +
                                removed.error().text());
    }
  }
}

// The capture kernel would note it when it is too late.
void NoteWrongOptions(std::string_view command_line, ArmReport& report) {
  for (const std::string& note : ParseOptions(command_line).notes) {
    report.notes.push_back(note + " (on the kernel command line or in COMMAND_LINE_APPEND)");
  }
}

// After the crash init would find no disk, and say so to nobody.
void NoteMissingDrivers(int initramfs, const TargetDevice& target, ArmReport& report) {
  const Result<CaptureModules> modules = CaptureModules::Read(initramfs);
  if (!modules.ok()) {
    report.drivers = DriverCheck::kUnknown;
    return;
  }
  for (const DeviceDriver& driver : target.drivers) {
    if (modules.value().Has(driver)) continue;
    report.drivers = DriverCheck::kMissing;
    report.notes.push_back("the capture initramfs has no driver " + driver.module +
                           ", and without it the target is not found after a crash: make it again, with "
                           "mkcrashinitramfs --module " +
                           driver.module);
  }
}

Result<std::string> CommandLineFor(const Machine& machine, const Configuration& configuration,
                                   const Architecture& architecture, const TargetDevice& target) {
  CaptureCommandLineFacts facts;
  facts.drivers = target.drivers;
  facts.family = architecture.family;
  facts.running = TRY(machine.ReadText("/proc/cmdline"));
  facts.append = configuration.command_line_append;
  facts.cpus = configuration.cpus;
  if (facts.cpus > 1 && facts.family == KernelFamily::kX86) {
    const std::string cpuinfo = TRY(machine.ReadText("/proc/cpuinfo"));
    facts.boot_cpu_apic_id = BootCpuApicId(cpuinfo);
  }
  return MakeCaptureCommandLine(facts);
}

// What is not noticed is said only to who has asked for it.
std::vector<std::string> PanicOn(const Machine& machine, StateDirectory& run, const Configuration& configuration) {
  if (!configuration.panic_on) return SetPanicCauses(machine, run, {kDefaultPanicCause});
  std::vector<std::string> notes = SetPanicCauses(machine, run, *configuration.panic_on);
  const std::vector<std::string> unnoticed = UnnoticedCauses(machine, *configuration.panic_on);
  notes.insert(notes.end(), unnoticed.begin(), unnoticed.end());
  return notes;
}

Result<> CheckFits(const Machine& machine, const BootFile& kernel, const BootFile& initramfs) {
  const uint64_t reserved = TRY(CrashReservation(machine));
  const uint64_t needed = kernel.memory + initramfs.memory + kOverlayCapacity;
  if (needed < reserved) return {};
  return Error::Format(ErrorCode::kNoSpace,
                       "%s are reserved for the capture kernel, but kernel and initramfs alone need %s: raise "
                       "crashkernel= on the kernel command line and reboot",
                       FormatSize(reserved).c_str(), FormatSize(needed).c_str());
}

}  // namespace

Result<ArmReport> Arm(Machine& machine, const StateDirectories& state, const Configuration& configuration) {
  TRY(CheckKernelCanLoad(machine));
  TRY(CheckNoOtherDumper(machine));
  if (TRY(IsForeignImageLoaded(machine, state.run))) {
    return Error::Format(ErrorCode::kRefused,
                         "another program has loaded a capture kernel: unload it with that, or with `crashdump unload "
                         "--any`");
  }
  const Architecture architecture = TRY(FindArchitecture(machine.KernelMachine()));
  const LoadMethod method = TRY(ChooseLoadMethod(machine, architecture));
  const BootFile kernel = TRY(OpenKernel(machine.Path(configuration.kernel), architecture), "capture kernel");
  const BootFile initramfs = TRY(OpenInitramfs(machine.Path(configuration.initramfs)), "capture initramfs");
  TRY(CheckFits(machine, kernel, initramfs));
  const std::string boot_id = TRY(BootId(machine));

  const Uuid swap = TRY(ChoosePreparedSwap(machine, state, configuration.target));
  const Target target = TRY(OpenTarget(machine, state, swap));
  const std::string line = TRY(CommandLineFor(machine, configuration, architecture, target.described));
  KeyStore store(state.keys);
  const KeyStore::Contents keys = TRY(store.ReadAll(), "key records");
  const Allocation allocation = TRY(Allocate(target, keys));
  const TargetDescription description = TRY(Describe(target, allocation));

  const KeyRecord record = TRY(MakeKeyRecord(machine, target, allocation, boot_id));
  const KeyArming arming{.credentials = record.credentials.Copy(),
                         .slot_offset = record.slot_offset,
                         .extent = record.extent,
                         .seed = TRY(Key::Generate(), "seed")};
  CpioWriter overlay(kOverlayCapacity);
  WriteOverlay(description, arming, machine.WatchdogDrivers(), overlay);
  const JoinedInitramfs joined = TRY(JoinedInitramfs::Create(initramfs, overlay.bytes()));
  TRY(store.Put(record), "key record");

  const ArmedRecord armed{.state = ArmedState::kLoading,
                          .method = method,
                          .boot_id = boot_id,
                          .key_id = record.credentials.key_id,
                          .region_id = record.credentials.region_id,
                          .target = FormatTargetDescription(description)};
  TRY(Load(machine, state.run, armed,
           {.kernel = kernel.fd.get(),
            .initramfs = joined.file().get(),
            .command_line = line,
            .method = method,
            .architecture = architecture}));

  ArmReport report;
  report.notes = PanicOn(machine, state.run, configuration);
  report.method = method;
  report.device = target.identity.name;
  report.key_id = record.credentials.key_id;
  report.slot = allocation.slot;
  report.extent = allocation.extent;
  NoteWrongOptions(line, report);
  NoteMissingDrivers(initramfs.fd.get(), target.described, report);
  DeleteDeadKeys(store, keys, target, allocation.occupancy, {boot_id, report.key_id}, report);
  return report;
}

std::string Describe(const ArmReport& report) {
  std::string text = "armed: the next panic is written to " + report.device;
  text += report.extent.empty() ? ", its messages only: dumps that have not been recovered leave no room for pages"
                                : ", with up to " + FormatSize(report.extent.size()) + " for memory";
  text += std::string("; loaded by ") + NameOf(report.method) + "\n";
  if (report.waiting_dumps > 0) {
    text += std::to_string(report.waiting_dumps) + (report.waiting_dumps == 1 ? " dump waits" : " dumps wait") +
            " to be recovered: run `crashdump recover`\n";
  }
  for (const std::string& note : report.notes) text += note + "\n";
  return text;
}

}  // namespace crashdump
