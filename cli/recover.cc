// SPDX-License-Identifier: GPL-2.0-or-later
// `crashdump recover`: after a crash, moves dumps from their regions to /var/crash/kernel/dumps and arms again.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "capture/writer/memory_budget.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cli/recover_and_arm.h"
#include "cli/recovered_dump.h"
#include "cli/recovered_hooks.h"
#include "cli/root_command.h"
#include "cli/test_outcome.h"
#include "common/base/io.h"
#include "common/crypto/crypto.h"
#include "common/storage/find_devices.h"
#include "common/vmcore/printable_text.h"
#include "recover/host_facts.h"
#include "recover/retention.h"
#include "recover/sandboxed_dumps.h"

namespace crashdump {
namespace {

// Everything that could be published is, but the pages of a dump wait for room.
constexpr int kExitPending = 3;
// With --dry-run: there is a dump to recover.
constexpr int kExitFound = 4;

constexpr auto kOptions = std::to_array<OptionSpec>({
    kDirectoryOption,
    {"keep-free", OptionKind::kSize, "SIZE", "leave so much room on that filesystem (default MIN_FREE, or 64M)"},
    {"format", OptionKind::kText, "FORMAT", "of the memory: kdump, elf or crashdump (default VMCORE_FORMAT, or kdump)"},
    {"compress", OptionKind::kText, "HOW", "kdump: zstd, zlib or none (default VMCORE_COMPRESS, or zstd)"},
    {"no-load", OptionKind::kFlag, "", "do not arm the machine again"},
    {"no-hooks", OptionKind::kFlag, "", "run no hooks; the next run does"},
    {"hooks-only", OptionKind::kFlag, "", "run the hooks for what earlier runs have recovered, and do nothing else"},
    {"dry-run", OptionKind::kFlag, "", "say what would be done, and do nothing"},
});

constexpr CommandSpec kSpec = {
    .name = "recover",
    .positional = "",
    .positional_minimum = 0,
    .positional_maximum = 0,
    .options = kOptions,
    .help =
        "Moves the dumps of earlier crashes from the disk to /var/crash/kernel/dumps and arms the machine\n"
        "again. May be run at any time, any number of times. Old dumps go if there are more than KEEP or\n"
        "MAX_SIZE of crashdump.conf allow. Then the programs in /etc/crashdump/recovered.d are run for each\n"
        "new dump, with its directory as argument; that one of them fails does not change the exit status.\n"
        "\n"
        "Exit status: 0 nothing is left to recover; 1 something failed, and the rest was done; 2 wrong usage;\n"
        "3 messages are published, and the memory of a dump waits for room on the filesystem;\n"
        "4 (only with --dry-run) there is a dump to recover.\n",
    .example = "crashdump recover --dry-run",
};

// Not the lock of the other commands, which stays free while dumps are copied.
Result<UniqueFd> TakeRecoverLock(const DiskStateDirectory& run) {
  UniqueFd lock = TRY(OpenFileAt(run.fd(), "recover.lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600), "recover.lock");
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return Error::Format(ErrorCode::kRefused, "another \"crashdump recover\" is running");
    return Error::Os(errno, "recover.lock");
  }
  return lock;
}

// All devices that can be read: where a dump is, its authentication tells.
Result<std::vector<RecoverDevice>> OpenDevices() {
  const SystemPaths paths;
  std::vector<RecoverDevice> devices;
  const std::vector<std::string> names = TRY(ListBlockDevices(paths));
  for (const std::string& name : names) {
    Result<DeviceIdentity> identity = ReadDeviceIdentity(paths, name);
    if (!identity.ok()) continue;  // gone in the meantime
    Result<std::unique_ptr<LinuxBlockDevice>> device = OpenIdentified(paths, identity.value(), OpenMode::kReadOnly);
    if (!device.ok()) continue;  // no medium, or blocks too large for us
    const int descriptor = device.value()->fd();
    devices.push_back({identity.TakeValue(), device.TakeValue(), descriptor});
  }
  return devices;
}

// Whether everything went well enough; prints the notes.
int PrintNotes(const std::vector<RecoverNote>& notes) {
  int status = kExitSuccess;
  const bool has_dump = std::any_of(notes.begin(), notes.end(),
                                    [](const RecoverNote& note) { return note.kind != RecoverNote::Kind::kRemoved; });
  if (!has_dump) (void)PrintOutput("crashdump recover", "nothing to recover\n");
  for (const RecoverNote& note : notes) {
    if (note.kind == RecoverNote::Kind::kFailed) {
      PrintError("crashdump recover", note.text);
      status = kExitFailure;
      continue;
    }
    (void)PrintOutput("crashdump recover", EscapeControl(note.text) + "\n");
    if (note.kind == RecoverNote::Kind::kPending && status == kExitSuccess) status = kExitPending;
    if (note.kind == RecoverNote::Kind::kFound && status != kExitFailure) status = kExitFound;
  }
  return status;
}

struct RecoverChoice {
  std::optional<VmcoreFormat> format;
  std::optional<PageCompression> compression;
};

Result<RecoverChoice> Choose(const CommandLine& line) {
  RecoverChoice choice;
  if (const auto format = line.Text("format")) choice.format = TRY(ParseVmcoreFormat(*format), "--format");
  if (const auto compress = line.Text("compress"))
    choice.compression = TRY(ParsePageCompression(*compress), "--compress");
  if (line.Has("hooks-only") && (line.Has("no-hooks") || line.Has("dry-run"))) {
    return Error::Format(ErrorCode::kInvalidArgument, "--hooks-only goes with neither --no-hooks nor --dry-run");
  }
  return choice;
}

PublishOptions OptionsOf(const RecoverChoice& choice, const Configuration& configuration) {
  PublishOptions options;
  options.encode.threads = std::min(UsableCpus(), kMaxEncodeThreads);
  options.format = choice.format.value_or(configuration.vmcore_format);
  options.encode.compression = choice.compression.value_or(configuration.vmcore_compress);
  return options;
}

// As long as one process runs them, another waits; it holds no other lock.
Result<> RunHooks(const DiskState& state, const std::string& directory) {
  const UniqueFd lock =
      TRY(OpenFileAt(state.run().fd(), "hooks.lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600), "hooks.lock");
  while (flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return Error::Os(errno, "hooks.lock");
  }
  const std::vector<std::string> faults = TRY(AnnounceDumps(directory, {}), "hooks");
  for (const std::string& fault : faults) PrintError("crashdump recover: hook", fault);
  return {};
}

Result<> ArmAndTell(LinuxMachine& machine, DiskState& state, const std::vector<RecoverNote>& notes,
                    const LockFunction& take_lock) {
  const std::optional<ArmReport> armed = TRY(ArmAgain(machine, state.directories(), notes, take_lock), "arming again");
  if (armed) TRY(WriteOutput(Describe(*armed)));
  return {};
}

Result<int> Recover(const CommandLine& line, const RecoverChoice& choice) {
  TRY(BeginRootCommand());
  TRY(InitializeCrypto());
  LinuxMachine machine;
  // Wrong options end the command; a wrong configuration does not: it must not keep a dump back.
  const Result<Configuration> read = ReadConfiguration(machine, kConfigurationPath);
  const Configuration configuration = read.ok() ? read.value() : Configuration();
  PublishOptions options = OptionsOf(choice, configuration);
  // One for each dump, so that it knows how long this one takes.
  std::optional<ProgressBar> bar;
  options.progress = [&bar, last = uint64_t{0}](uint64_t done, uint64_t total) mutable {
    if (!bar || done < last) bar.emplace();
    last = done;
    bar->Update(done, total);
  };
  const bool is_preview = line.Has("dry-run");
  // A machine on which nothing was ever prepared stays so.
  if (is_preview && !machine.Exists(kStatePath)) return PrintNotes({});
  DiskState state = TRY(DiskState::Open(machine));
  const std::string directory = CrashDirectory(line);
  if (line.Has("hooks-only")) {
    TRY(RunHooks(state, directory));
    return kExitSuccess;
  }
  UniqueFd lock = TRY(TakeRecoverLock(state.run()));
  // A preview must not be in the way of the boot's own run.
  if (is_preview) lock.Reset();
  const uint64_t keep_free = line.Number("keep-free").value_or(configuration.min_free);
  const std::vector<RecoverDevice> devices = TRY(OpenDevices());
  // The programs that read dumps may die at any time.
  (void)signal(SIGPIPE, SIG_IGN);
  const MakeRegionDumps make_dumps = [&](const RecoverDevice& device, const ByteSource& region,
                                         const KeyRecord& record) {
    return MakeSandboxedDumps(region, record, options, device.descriptor);
  };
  const auto retain = [&](RetentionMode mode, std::vector<RecoverNote>& notes) {
    const KeyStore keys(state.directories().keys);
    auto removals = ApplyRetention(directory, configuration.retention, keys, notes, mode);
    if (!removals.ok()) removals = std::vector<RecoverNote>{{RecoverNote::Kind::kFailed, removals.error().text()}};
    notes.insert(notes.end(), removals.value().begin(), removals.value().end());
  };
  if (is_preview) {
    Publisher publisher = TRY(Publisher::OpenForPreview(directory, keep_free));
    std::vector<RecoverNote> notes = TRY(PreviewDumps(state.directories(), publisher, devices, make_dumps));
    bar.reset();
    retain(RetentionMode::kPreview, notes);
    return PrintNotes(notes);
  }
  Publisher publisher = TRY(Publisher::Open(directory, keep_free, ReadHostFacts(), configuration.reports));
  const LockFunction take_lock = [&state] { return TakeLock(state.run()); };
  std::vector<RecoverNote> notes =
      TRY(RecoverDumps(machine, state.directories(), publisher, devices, make_dumps, take_lock));
  bar.reset();
  retain(RetentionMode::kRemove, notes);
  int status = PrintNotes(notes);
  // Only for what `status` tells later.
  if (const Result<std::vector<ListedDump>> dumps = ListDumps(directory); dumps.ok()) {
    const Result<UniqueFd> state_lock = take_lock();
    if (state_lock.ok()) (void)RememberDumpOfTest(state.directories().remembered, dumps.value());
  }
  const Result<> armed = line.Has("no-load") ? Result<>() : ArmAndTell(machine, state, notes, take_lock);
  if (!armed.ok()) {
    PrintError("crashdump recover", armed.error().text());
    status = kExitFailure;
  }
  // Hooks may take long. By now the machine is armed, and other commands may run.
  lock.Reset();
  if (!line.Has("no-hooks")) TRY(RunHooks(state, directory));
  return status;
}

}  // namespace

int RunRecover(std::span<char* const> arguments) { return RunCommand(kSpec, arguments, Choose, Recover); }

}  // namespace crashdump
