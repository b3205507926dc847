// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/early_arming.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/base/io.h"
#include "common/base/text_record.h"
#include "common/crypto/sealed_key.h"
#include "common/format/key_policy.h"
#include "common/format/key_store.h"
#include "loader/arm.h"
#include "loader/arming_place.h"
#include "loader/choose_swap.h"
#include "loader/image_loader.h"
#include "loader/other_dumpers.h"
#include "loader/system_facts.h"

namespace crashdump {
namespace {

constexpr const char* kForm = "early-ticket-1";
constexpr uint64_t kTextLimit = kMiB;
// Early in the boot little memory is in use; the greater part of the region is for later crashes.
constexpr uint64_t kMostRoom = 256 * kMiB;
constexpr uint64_t kShareOfFree = 4;

// What travels besides kernel, initramfs and target.
struct Ticket {
  DumpId region_id{};
  DumpId key_id{};
  Key authentication_key;
  PublicKey public_key{};
  uint64_t slot_offset = 0;
  Range extent;
  ImageOptions options;
};

std::string FormatTicket(const Ticket& ticket) {
  TextRecord record;
  record.Add("form", kForm);
  record.AddHex("region_id", ticket.region_id);
  record.AddHex("key_id", ticket.key_id);
  record.AddHex("authentication_key", ticket.authentication_key.bytes());
  record.AddHex("public_key", ticket.public_key);
  record.AddNumber("slot_offset", ticket.slot_offset);
  record.AddNumber("extent_begin", ticket.extent.begin);
  record.AddNumber("extent_end", ticket.extent.end);
  record.AddNumber("cpus", ticket.options.cpus);
  record.Add("append", ticket.options.command_line_append);
  return record.ToString();
}

Result<Ticket> ParseTicket(std::string_view text) {
  const TextRecord record = TRY(TextRecord::Parse(text));
  if (TRY(record.Text("form")) != kForm) {
    return Error::Format(ErrorCode::kUnsupported, "made by another version: make the initramfs of the system anew");
  }
  Ticket ticket;
  TRY(record.Hex("region_id", ticket.region_id));
  TRY(record.Hex("key_id", ticket.key_id));
  TRY(record.Hex("authentication_key", ticket.authentication_key.mutable_bytes()));
  TRY(record.Hex("public_key", ticket.public_key));
  ticket.slot_offset = TRY(record.Number("slot_offset"));
  ticket.extent.begin = TRY(record.Number("extent_begin"));
  ticket.extent.end = TRY(record.Number("extent_end"));
  ticket.options.cpus = static_cast<unsigned>(TRY(record.Number("cpus")));
  ticket.options.command_line_append = record.Find("append").value_or("");
  return ticket;
}

// The upper end of what is free.
Range RoomOf(const Range& free) {
  const uint64_t bytes = AlignDown(std::min(free.size() / kShareOfFree, kMostRoom), kDiskUnit);
  if (bytes < kSmallestExtent) return {free.begin, free.begin};
  return {free.end - bytes, free.end};
}

// What a ticket's record says of the place that is kept for it.
enum class TicketState : uint8_t { kUnused, kUsed, kInTheWay };

TicketState StateOf(const KeyRecord& record, size_t index, const KeyStore::Contents& keys, const Occupancy& occupancy) {
  const AttemptStates& states = occupancy.attempts[index];
  if (MayHoldDump(states)) return TicketState::kInTheWay;
  const bool unused =
      std::all_of(states.begin(), states.end(), [](AttemptState state) { return state == AttemptState::kAbsent; });
  if (!unused) return TicketState::kUsed;
  // A dump of an image that was loaded before the place was set aside.
  for (size_t i = 0; i < keys.records.size(); ++i) {
    const KeyRecord& other = keys.records[i];
    if (i == index || other.credentials.region_id != record.credentials.region_id) continue;
    if (MayHoldDump(occupancy.attempts[i]) &&
        (other.extent.Overlaps(record.extent) || other.slot_index == record.slot_index)) {
      return TicketState::kInTheWay;
    }
  }
  return TicketState::kUnused;
}

Error InTheWay() {
  return Error::Format(ErrorCode::kRefused,
                       "a dump that has not been recovered is in the place for early panics: run `crashdump recover`");
}

// The record of the ticket that is in use, if there is one; deletes those that have served.
Result<std::optional<KeyRecord>> FindTicket(KeyStore& store, const KeyStore::Contents& keys, const ArmingTarget& target,
                                            const Occupancy& occupancy) {
  std::optional<KeyRecord> found;
  for (size_t i = 0; i < keys.records.size(); ++i) {
    const KeyRecord& record = keys.records[i];
    if (!IsReserved(record) || record.credentials.region_id != target.described.region_id) continue;
    switch (StateOf(record, i, keys, occupancy)) {
      case TicketState::kInTheWay:
        return InTheWay();
      case TicketState::kUsed:
        TRY(store.Remove(record.credentials.key_id), "key record");
        break;
      case TicketState::kUnused:
        found = TRY(store.Find(record.credentials.key_id));
        break;
    }
  }
  return found;
}

// Keeps a place for a new one.
Result<KeyRecord> MakeTicket(const Machine& machine, const StateDirectories& state, const ArmingTarget& target,
                             Occupancy occupancy) {
  Allocation allocation = TRY(Allocate(target, std::move(occupancy)));
  allocation.extent = RoomOf(allocation.extent);
  KeyRecord record = TRY(MakeKeyRecord(machine, target, allocation));
  record.credentials.kind = KeyKind::kSealed;
  record.credentials.authentication_key = TRY(Key::Generate(), "key");
  record.credentials.private_key = TRY(Key::Generate(), "key");
  TRY(KeyStore(state.keys).Put(record), "key record");
  return record;
}

// Whether an image is loaded that may write into the kept place, if the machine crashes now.
Result<bool> IsInTheWay(const Machine& machine, const StateDirectories& state, const KeyRecord& kept) {
  if (!machine.Exists(kCrashLoadedPath) || !TRY(IsCrashKernelLoaded(machine))) return false;
  const Result<std::optional<ArmedRecord>> armed = ReadArmedRecord(state.run);
  const std::string boot_id = TRY(BootId(machine));
  if (!armed.ok() || !armed.value() || LoadedKey(armed.value(), boot_id) == std::nullopt) return true;
  if (armed.value()->key_id == kept.credentials.key_id) return false;
  const Result<TargetDescription> loaded = ParseTargetDescription(armed.value()->target);
  return !loaded.ok() || loaded.value().slot == kept.slot_index || loaded.value().extent().Overlaps(kept.extent);
}

Result<> CopyFile(const std::string& from, int directory, const char* name) {
  const UniqueFd source = TRY(OpenFile(from.c_str(), O_RDONLY), "%s", from.c_str());
  const UniqueFd copy = TRY(OpenFileAt(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600), "%s", name);
  std::vector<uint8_t> buffer(static_cast<size_t>(kMiB));
  while (true) {
    const ssize_t count = read(source.get(), buffer.data(), buffer.size());
    if (count == 0) return {};
    if (count < 0) return Error::Os(errno, "%s", from.c_str());
    TRY(WriteFull(copy.get(), Bytes(buffer).first(static_cast<size_t>(count))), "%s", name);
  }
}

Result<> WriteSecret(int directory, const char* name, std::string text) {
  const UniqueFd file = TRY(OpenFileAt(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600), "%s", name);
  const Result<> written = WriteFull(file.get(), BytesOf(text));
  Wipe(MutableBytesOf(text));
  TRY(written, "%s", name);
  return {};
}

constexpr const char* kAllNames[] = {kTicketName, kTicketTargetName, kTicketKernelName, kTicketInitramfsName};

Result<> CheckEmpty(int directory) {
  for (const char* const name : kAllNames) {
    if (faccessat(directory, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
      return Error::Format(ErrorCode::kRefused, "%s is there already", name);
    }
  }
  return {};
}

void RemoveFiles(int directory) {
  for (const char* const name : kAllNames) (void)unlinkat(directory, name, 0);
}

Result<> WriteFiles(const Machine& machine, int directory, const Configuration& configuration,
                    const TargetDescription& description, const Ticket& ticket) {
  TRY(CopyFile(machine.Path(configuration.kernel), directory, kTicketKernelName));
  TRY(CopyFile(machine.Path(configuration.initramfs), directory, kTicketInitramfsName));
  TRY(WriteSecret(directory, kTicketTargetName, FormatTargetDescription(description)));
  return WriteSecret(directory, kTicketName, FormatTicket(ticket));
}

// The file's text, if only root can have had a look at it.
Result<std::string> ReadSecret(const std::string& path) {
  const UniqueFd file = TRY(OpenFile(path.c_str(), O_RDONLY | O_NOFOLLOW), "%s", path.c_str());
  struct stat status {};
  if (fstat(file.get(), &status) != 0) return Error::Os(errno, "%s", path.c_str());
  if (status.st_uid != geteuid() || (status.st_mode & 077U) != 0) {
    return Error::Format(ErrorCode::kRefused,
                         "%s: others than root may have read it: the initramfs of the system must have mode 0600, and "
                         "this file in it, too",
                         path.c_str());
  }
  return TRY(ReadText(file.get(), kTextLimit), "%s", path.c_str());
}

}  // namespace

Result<TicketReport> WriteTicket(Machine& machine, const StateDirectories& state, const Configuration& files,
                                 const Configuration& running, const std::string& directory) {
  const UniqueFd output = TRY(OpenFile(directory.c_str(), O_RDONLY | O_DIRECTORY), "%s", directory.c_str());
  TRY(CheckEmpty(output.get()), "%s", directory.c_str());
  TRY(CheckNoOtherDumper(machine));
  const ImageFiles image = TRY(OpenImageFiles(machine, files.kernel, files.initramfs));
  if (image.method != LoadMethod::kFileLoad) {
    return Error::Format(ErrorCode::kUnsupported,
                         "this kernel has no kexec_file_load that works: early panics cannot be saved");
  }
  const Uuid swap = TRY(ChoosePreparedSwap(machine, state, files.target));
  const ArmingTarget target = TRY(OpenArmingTarget(machine, state, swap));
  KeyStore store(state.keys);
  const KeyStore::Contents keys = TRY(store.ReadAll(), "key records");
  Occupancy occupancy = TRY(OccupancyOf(target, keys));
  TicketReport report;
  std::optional<KeyRecord> record = TRY(FindTicket(store, keys, target, occupancy));
  report.is_new = !record;
  if (!record) record = TRY(MakeTicket(machine, state, target, std::move(occupancy)));
  // Also for one that was there: who made it may have been killed before this.
  if (TRY(IsInTheWay(machine, state, *record))) {
    const Result<ArmReport> armed = Arm(machine, state, running);
    if (!armed.ok() && report.is_new) TRY(store.Remove(record->credentials.key_id), "key record");
    report.arm_report = Describe(TRY(armed));
  }
  const TargetDescription description =
      TRY(DescribeTarget(target, record->slot_index, record->extent, PlaceUse::kKept));
  const DumpCredentials& credentials = record->credentials;
  const Ticket ticket{.region_id = credentials.region_id,
                      .key_id = credentials.key_id,
                      .authentication_key = credentials.authentication_key.Copy(),
                      .public_key = PublicKeyOf(credentials.private_key),
                      .slot_offset = record->slot_offset,
                      .extent = record->extent,
                      .options = {files.command_line_append, files.cpus}};
  const Result<> written = WriteFiles(machine, output.get(), files, description, ticket);
  if (!written.ok()) RemoveFiles(output.get());
  TRY(written, "%s", directory.c_str());
  report.device = target.identity.name;
  report.key_id = credentials.key_id;
  report.room = record->extent.size();
  return report;
}

Result<DumpId> LoadTicket(Machine& machine, StateDirectory& run, const std::string& directory) {
  TRY(CheckCanLoad(machine, run));
  const std::string base = machine.Path(directory) + "/";
  std::string text = TRY(ReadSecret(base + kTicketName));
  Result<Ticket> parsed = ParseTicket(text);
  Wipe(MutableBytesOf(text));
  const Ticket ticket = TRY(std::move(parsed), "%s%s", base.c_str(), kTicketName);
  const std::string target = TRY(ReadSecret(base + kTicketTargetName));
  const TargetDescription description = TRY(ParseTargetDescription(target), "%s%s", base.c_str(), kTicketTargetName);
  const ImageFiles files =
      TRY(OpenImageFiles(machine, directory + "/" + kTicketKernelName, directory + "/" + kTicketInitramfsName));
  KeyArming arming{.credentials = {.kind = KeyKind::kSealed,
                                   .region_id = ticket.region_id,
                                   .key_id = ticket.key_id,
                                   .authentication_key = ticket.authentication_key.Copy(),
                                   .encryption_key = TRY(Key::Generate(), "key"),
                                   .private_key = {}},
                   .slot_offset = ticket.slot_offset,
                   .extent = ticket.extent,
                   .seed = TRY(Key::Generate(), "seed")};
  arming.credentials.sealed_key = TRY(SealKey(ticket.public_key, arming.credentials.encryption_key));
  const LoadableImage image = TRY(MakeLoadable(machine, files, ticket.options, description, arming));
  TRY(LoadImage(machine, run, files, image));
  return ticket.key_id;
}

}  // namespace crashdump
