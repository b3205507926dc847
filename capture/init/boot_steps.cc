// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/boot_steps.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "capture/init/clock.h"
#include "capture/init/final_action.h"
#include "capture/init/kernel_modules.h"
#include "capture/init/mounts.h"
#include "capture/init/reboot.h"
#include "common/base/io.h"
#include "common/base/units.h"

namespace crashdump {
namespace {

using Need = Step::Need;
using Place = Step::Place;

constexpr const char* kTargetDrivers = "/overlay/target-drivers";
constexpr const char* kWatchdogDrivers = "/overlay/watchdog-drivers";
constexpr const char* kDisplayDrivers = "/etc/display-modules";
constexpr const char* kWatchdog = "/dev/watchdog";

Result<> MountProc(InitContext&) { return MountPseudo("proc", "/proc"); }
Result<> MountSysfs(InitContext&) { return MountPseudo("sysfs", "/sys"); }
Result<> MountDevices(InitContext&) { return MountPseudo("devtmpfs", "/dev"); }

Result<> StartGuard(InitContext& init) {
  init.guard = TRY(Guard::Start(ResetBySysrq));
  init.guard.Expect(kGuardMs, NowMs());
  return {};
}

Result<> OpenConsole(InitContext& init) {
  const Result<> opened = init.console.OpenActive("/sys/class/tty/console/active", "/dev");
  init.console.Line("the capture kernel is running");
  return opened;
}

Result<> ReadOptions(InitContext& init) {
  const std::string command_line = TRY(ReadTextFile("/proc/cmdline", 64 * kKiB), "/proc/cmdline");
  ParsedOptions parsed = ParseOptions(command_line);
  init.options = std::move(parsed.options);
  if (init.options.screen == ScreenMode::kOff) init.console.LeaveTerminals();
  for (const std::string& note : parsed.notes) Note(init, "%s", note.c_str());
  return {};
}

Result<> OpenWatchdog(InitContext& init) {
  if (init.watchdog.is_open() || access(kWatchdog, F_OK) != 0) return {};
  TRY(init.watchdog.Open(kWatchdog));
  init.watchdog.Feed(NowMs());
  return {};
}

// Empty, with a note, if it cannot be read.
std::string ReadList(InitContext& init, const std::string& path) {
  Result<std::string> text = ReadTextFile(path.c_str(), kMiB);
  if (text.ok()) return text.TakeValue();
  Note(init, "%s: %s", path.c_str(), text.error().text());
  return {};
}

enum class Missing : uint8_t {
  kNoted,  // somebody needs it
  kFine,   // it is tried in case there is one
};

void LoadAndNote(InitContext& init, std::vector<std::string> drivers, Missing missing = Missing::kNoted) {
  const std::string directory = ModuleDirectory();
  const ModuleIndex index(ReadList(init, directory + "/modules.dep"), ReadList(init, directory + "/modules.alias"));
  if (missing == Missing::kFine) {
    std::erase_if(drivers, [&](const std::string& name) { return index.FilesOf(name).empty(); });
  }
  KernelModuleLoader loader;
  for (const std::string& note : LoadModules(drivers, index, directory, loader)) Note(init, "%s", note.c_str());
}

// Before anything that takes time: the kernel that crashed may have left the watchdog running.
Result<> LoadWatchdogDrivers(InitContext& init) {
  const std::string list = ReadList(init, kWatchdogDrivers);
  if (!list.empty()) LoadAndNote(init, ParseModuleList(list));
  return {};
}

Result<> LoadPortDriver(InitContext& init) {
  if (init.options.status_port.empty()) return {};
  LoadAndNote(init, {"virtio_pci", "virtio_console"});
  return {};
}

Result<> OpenStatusPort(InitContext& init) {
  if (init.options.status_port.empty()) return {};
  // The host tells the driver a port's name some time after the driver has come up.
  constexpr uint64_t kPatienceMs = 5000;
  const uint64_t end_ms = NowMs() + kPatienceMs;
  while (true) {
    const Result<> opened = init.port.Open("/sys/class/virtio-ports", "/dev", init.options.status_port);
    if (opened.ok() || NowMs() >= end_ms) return opened;
    Pause(init, 50);
  }
}

Result<> PassStart(InitContext& init) {
  PassStage(init, Stage::kStart);
  return {};
}

// Those that the initramfs does not have are built into the kernel, or were not wanted (mkcrashinitramfs --module).
Result<> LoadKeyboardDrivers(InitContext& init) {
  LoadAndNote(init, {"i8042", "atkbd", "xhci_pci", "ehci_pci", "uhci_hcd", "usbhid", "hid_generic"}, Missing::kFine);
  return {};
}

// Whether the kernel or the image has a driver for one, by modules.builtin and modules.dep.
bool HasKeyboard(InitContext& init) {
  const std::string directory = ModuleDirectory();
  const std::string lists = ReadList(init, directory + "/modules.builtin") + ReadList(init, directory + "/modules.dep");
  return lists.find("/atkbd.ko") != std::string::npos || lists.find("/usbhid.ko") != std::string::npos;
}

// A keyboard's driver is kept away from machines where nobody is to be asked: it may find odd hardware there.
Result<> LoadKeyboardDriversIfAsked(InitContext& init) {
  const Options& options = init.options;
  if (options.confirm_ms == 0 && options.shell == ShellTime::kNever) return {};
  if (!HasKeyboard(init)) Note(init, "no driver for a keyboard: only a serial console can be typed at");
  return LoadKeyboardDrivers(init);
}

// Before anything touches the display: a driver that hangs there holds up whoever writes to a terminal.
Result<> LeaveTerminals(InitContext& init) {
  if (init.options.screen == ScreenMode::kBrown) init.console.LeaveTerminals();
  return {};
}

// For a display that the kernel that crashed has left in a state which only a driver of its own can make use of.
Result<> LoadDisplayDrivers(InitContext& init) {
  if (init.options.screen != ScreenMode::kBrown) return {};
  LoadAndNote(init, ParseModuleList(ReadList(init, kDisplayDrivers)));
  return {};
}

// Late, and without waiting for any display: of what goes wrong before, the console tells.
Result<> TakeOverScreen(InitContext& init) {
  if (init.options.screen != ScreenMode::kBrown) return {};
  Result<> taken = TakeOverTerminal(init.screen, "/dev/tty0");
  if (!taken.ok()) GiveTerminalsBack(init, taken.error());
  init.screen.has_keyboard = HasKeyboard(init);
  return taken;
}

Result<> FindVmcore(InitContext& init) {
  struct stat status {};
  if (stat("/proc/vmcore", &status) == 0) {
    init.console.Line("the kernel crashed: its memory is being saved, then the machine %s",
                      Words(init.options.final).does);
    return {};
  }
  return Error::Os(errno, "/proc/vmcore (this kernel was not started by a crash, or has no CONFIG_PROC_VMCORE)");
}

Result<> LoadTargetDrivers(InitContext& init) {
  LoadAndNote(init, ParseModuleList(ReadList(init, kTargetDrivers)));
  return {};
}

constexpr std::array kBootSteps = {
    Step{"mount proc", MountProc, Need::kRequired, Place::kInit, 10'000},
    Step{"start the guard", StartGuard, Need::kOptional, Place::kInit, 10'000},
    Step{"mount sysfs", MountSysfs, Need::kRequired, Place::kInit, 10'000},
    Step{"mount devtmpfs", MountDevices, Need::kRequired, Place::kInit, 10'000},
    Step{"open the console", OpenConsole, Need::kOptional, Place::kInit, 10'000},
    Step{"read the options", ReadOptions, Need::kOptional, Place::kInit, 10'000},
    Step{"load the watchdog's drivers", LoadWatchdogDrivers, Need::kOptional, Place::kChild, 20'000},
    Step{"hardware watchdog", OpenWatchdog, Need::kOptional, Place::kInit, 10'000},
    Step{"load the status port's driver", LoadPortDriver, Need::kOptional, Place::kChild, 20'000},
    Step{"open the status port", OpenStatusPort, Need::kOptional, Place::kInit, 20'000},
    Step{"stage start", PassStart, Need::kOptional, Place::kInit, kGuardMs},
    Step{"find the crashed kernel's memory", FindVmcore, Need::kRequired, Place::kInit, 10'000},
    Step{"load the keyboard's drivers", LoadKeyboardDriversIfAsked, Need::kOptional, Place::kChild, 20'000},
    Step{"leave the terminals to the screen", LeaveTerminals, Need::kOptional, Place::kInit, 10'000},
    Step{"load the display's drivers", LoadDisplayDrivers, Need::kOptional, Place::kChild, 30'000},
    Step{"take over the screen", TakeOverScreen, Need::kOptional, Place::kInit, 20'000},
    Step{"load the target's drivers", LoadTargetDrivers, Need::kOptional, Place::kChild, 60'000},
};

constexpr std::array kKeyboardSteps = {
    Step{"load the keyboard's drivers", LoadKeyboardDrivers, Need::kOptional, Place::kChild, 20'000},
};

// ACPI's ERST, where it is wanted, is built into the kernel.
Result<> LoadPstoreDrivers(InitContext& init) {
  LoadAndNote(init, {"efi_pstore"}, Missing::kFine);
  return {};
}

constexpr std::array kPstoreSteps = {
    Step{"load the drivers of pstore", LoadPstoreDrivers, Need::kOptional, Place::kChild, 20'000},
};

}  // namespace

std::span<const Step> BootSteps() { return kBootSteps; }
std::span<const Step> KeyboardSteps() { return kKeyboardSteps; }
std::span<const Step> PstoreSteps() { return kPstoreSteps; }

}  // namespace crashdump
