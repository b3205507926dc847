// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/arm.h"

#include <sys/stat.h>

#include <algorithm>

#include "common/base/parse.h"
#include "common/crypto/crypto.h"
#include "common/format/key_policy.h"
#include "common/format/key_store.h"
#include "common/options/capture_options.h"
#include "common/storage/device_hints.h"
#include "loader/arming_place.h"
#include "loader/capture_modules.h"
#include "loader/choose_swap.h"
#include "loader/image_loader.h"
#include "loader/load_method.h"
#include "loader/panic_causes.h"

namespace crashdump {
namespace {

void DeleteDeadKeys(KeyStore& store, const KeyStore::Contents& keys, const ArmingTarget& target,
                    const Occupancy& occupancy, const BootFacts& boot, ArmReport& report) {
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

// The one that the initramfs of the system carries is refused from now on.
void NoteSpentTicket(const KeyStore::Contents& keys, const ArmingTarget& target, const Occupancy& occupancy,
                     ArmReport& report) {
  for (size_t i = 0; i < keys.records.size(); ++i) {
    const KeyRecord& record = keys.records[i];
    const AttemptStates& states = occupancy.attempts[i];
    if (!IsReserved(record) || record.credentials.region_id != target.described.region_id) continue;
    if (std::find(states.begin(), states.end(), AttemptState::kRecovered) == states.end()) continue;
    report.notes.emplace_back(
        "an early panic was saved, and the next one is not, until the initramfs of the system is made anew "
        "for each kernel (update-initramfs -u -k all, dracut --force --regenerate-all or mkinitcpio -P)");
  }
}

// Where distributions have the initramfs of a system. Who can read it has the key of the place that is kept.
void NoteReadableInitramfs(const Machine& machine, ArmReport& report) {
  const std::string release = machine.KernelRelease();
  for (const std::string& path : {"/boot/initrd.img-" + release, "/boot/initramfs-" + release + ".img"}) {
    struct stat status {};
    if (stat(machine.Path(path).c_str(), &status) != 0 || (status.st_mode & 077U) == 0) continue;
    report.notes.push_back(path +
                           " can be read by others than root, who could plant a dump of an early panic: it must "
                           "have mode 0600");
  }
}

// What is not noticed is said only to who has asked for it.
std::vector<std::string> PanicOn(const Machine& machine, StateDirectory& run, const Configuration& configuration) {
  if (!configuration.panic_on) return SetPanicCauses(machine, run, {kDefaultPanicCause});
  std::vector<std::string> notes = SetPanicCauses(machine, run, *configuration.panic_on);
  const std::vector<std::string> unnoticed = UnnoticedCauses(machine, *configuration.panic_on);
  notes.insert(notes.end(), unnoticed.begin(), unnoticed.end());
  return notes;
}

}  // namespace

Result<ArmReport> Arm(Machine& machine, const StateDirectories& state, const Configuration& configuration) {
  TRY(CheckCanLoad(machine, state.run));
  const ImageFiles files = TRY(OpenImageFiles(machine, configuration.kernel, configuration.initramfs));
  const Uuid swap = TRY(ChoosePreparedSwap(machine, state, configuration.target));
  const ArmingTarget target = TRY(OpenArmingTarget(machine, state, swap));
  KeyStore store(state.keys);
  const KeyStore::Contents keys = TRY(store.ReadAll(), "key records");
  Occupancy occupancy = TRY(OccupancyOf(target, keys));
  const Allocation allocation = TRY(Allocate(target, std::move(occupancy)));
  const TargetDescription description = TRY(DescribeTarget(target, allocation.slot, allocation.extent, PlaceUse::kNow));

  KeyRecord record = TRY(MakeKeyRecord(machine, target, allocation));
  record.credentials.kind = KeyKind::kPlainFile;
  record.credentials.authentication_key = TRY(Key::Generate(), "key");
  record.credentials.encryption_key = TRY(Key::Generate(), "key");
  const KeyArming arming{.credentials = record.credentials.Copy(),
                         .slot_offset = record.slot_offset,
                         .extent = record.extent,
                         .seed = TRY(Key::Generate(), "seed")};
  const LoadableImage image =
      TRY(MakeLoadable(machine, files, {configuration.command_line_append, configuration.cpus}, description, arming));
  TRY(store.Put(record), "key record");
  TRY(LoadImage(machine, state.run, files, image));

  ArmReport report;
  report.notes = PanicOn(machine, state.run, configuration);
  report.method = files.method;
  report.device = target.identity.name;
  report.key_id = record.credentials.key_id;
  report.slot = allocation.slot;
  report.extent = allocation.extent;
  NoteWrongOptions(image.command_line, report);
  NoteMissingDrivers(files.initramfs.fd.get(), target.described, report);
  NoteSpentTicket(keys, target, allocation.occupancy, report);
  if (configuration.early) NoteReadableInitramfs(machine, report);
  DeleteDeadKeys(store, keys, target, allocation.occupancy, {image.record.boot_id, report.key_id}, report);
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
