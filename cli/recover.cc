// SPDX-License-Identifier: GPL-2.0-or-later
// `crashdump recover`: after a crash, moves dumps from their regions to /var/crash/kernel/dumps and arms again.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "capture/writer/memory_budget.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cli/recover_and_arm.h"
#include "cli/root_command.h"
#include "cli/test_outcome.h"
#include "common/base/io.h"
#include "common/crypto/crypto.h"
#include "common/storage/find_devices.h"
#include "common/vmcore/printable_text.h"
#include "recover/host_facts.h"
#include "recover/sandboxed_dumps.h"

namespace crashdump {
namespace {

// Everything that could be published is, but the pages of a dump wait for room.
constexpr int kExitPending = 3;
// With --dry-run: there is a dump to recover.
constexpr int kExitFound = 4;
constexpr uint64_t kDefaultKeepFree = 64 * kMiB;
constexpr const char* kDefaultCrashDirectory = "/var/crash";

constexpr auto kOptions = std::to_array<OptionSpec>({
    {"directory", OptionKind::kText, "DIR", "publish below DIR/kernel/dumps (default /var/crash)"},
    {"keep-free", OptionKind::kSize, "SIZE", "leave so much room on that filesystem (default 64M)"},
    {"format", OptionKind::kText, "FORMAT", "of the memory: kdump, elf or crashdump (default VMCORE_FORMAT, or kdump)"},
    {"compress", OptionKind::kText, "HOW", "kdump: zstd, zlib or none (default VMCORE_COMPRESS, or zstd)"},
    {"no-load", OptionKind::kFlag, "", "do not arm the machine again"},
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
        "again. May be run at any time, any number of times.\n"
        "\n"
        "Exit status: 0 nothing is left to recover; 1 something failed, and the rest was done; 2 wrong usage;\n"
        "3 messages are published, and the memory of a dump waits for room on the filesystem;\n"
        "4 (only with --dry-run) there is a dump to recover.\n",
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
  if (notes.empty()) (void)PrintOutput("crashdump recover", "nothing to recover\n");
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
  return choice;
}

// Wrong options end the command; a wrong configuration does not: it must not keep a dump back.
PublishOptions OptionsOf(const RecoverChoice& choice, const Result<Configuration>& configuration) {
  PublishOptions options;
  options.encode.threads = std::min(UsableCpus(), kMaxEncodeThreads);
  if (configuration.ok()) {
    options.format = configuration.value().vmcore_format;
    options.encode.compression = configuration.value().vmcore_compress;
  }
  options.format = choice.format.value_or(options.format);
  options.encode.compression = choice.compression.value_or(options.encode.compression);
  return options;
}

Result<int> Recover(const CommandLine& line, const RecoverChoice& choice) {
  TRY(BeginRootCommand());
  TRY(InitializeCrypto());
  LinuxMachine machine;
  const Result<Configuration> configuration = ReadConfiguration(machine, kConfigurationPath);
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
  UniqueFd lock = TRY(TakeRecoverLock(state.run()));
  // A preview must not be in the way of the boot's own run.
  if (is_preview) lock.Reset();
  const std::string directory = line.Text("directory").value_or(kDefaultCrashDirectory);
  const uint64_t keep_free = line.Number("keep-free").value_or(kDefaultKeepFree);
  const std::vector<RecoverDevice> devices = TRY(OpenDevices());
  // The programs that read dumps may die at any time.
  (void)signal(SIGPIPE, SIG_IGN);
  const MakeRegionDumps make_dumps = [&](const RecoverDevice& device, const ByteSource& region,
                                         const KeyRecord& record) {
    return MakeSandboxedDumps(region, record, options, device.descriptor);
  };
  if (is_preview) {
    Publisher publisher = TRY(Publisher::OpenForPreview(directory, keep_free));
    const auto notes = TRY(PreviewDumps(state.directories(), publisher, devices, make_dumps));
    bar.reset();
    return PrintNotes(notes);
  }
  struct utsname names {};
  (void)uname(&names);
  Publisher publisher = TRY(Publisher::Open(directory, keep_free, ReadHostFacts("", names.machine)));
  const LockFunction take_lock = [&state] { return TakeLock(state.run()); };
  const std::vector<RecoverNote> notes =
      TRY(RecoverDumps(machine, state.directories(), publisher, devices, make_dumps, take_lock));
  bar.reset();
  const int status = PrintNotes(notes);
  // Only for what `status` tells later.
  if (const Result<std::vector<ListedDump>> dumps = ListDumps(directory); dumps.ok()) {
    const Result<UniqueFd> state_lock = take_lock();
    if (state_lock.ok()) (void)RememberDumpOfTest(state.directories().remembered, dumps.value());
  }

  if (line.Has("no-load")) return status;
  const std::optional<ArmReport> armed = TRY(ArmAgain(machine, state.directories(), notes, take_lock), "arming again");
  if (armed) TRY(WriteOutput(Describe(*armed)));
  return status;
}

}  // namespace

int RunRecover(std::span<char* const> arguments) { return RunCommand(kSpec, arguments, Choose, Recover); }

}  // namespace crashdump
