// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/image_loader.h"

#include "common/base/parse.h"
#include "loader/busy.h"
#include "loader/capture_command_line.h"
#include "loader/load_method.h"
#include "loader/load_refusal.h"
#include "loader/other_dumpers.h"
#include "loader/panic_causes.h"
#include "loader/system_facts.h"
#include "loader/unload.h"

namespace crashdump {
namespace {

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

// Whether the image that was loaded before a failed call is still there: kexec_file_load frees it after its first
// checks, and only then looks at the new one (kernel/kexec_file.c, 6.1).
bool IsStillLoaded(const Machine& machine) {
  const Result<bool> loaded = IsCrashKernelLoaded(machine);
  return loaded.ok() && loaded.value();
}

// Whether what the call fails for may be over at once: want of memory; and for kexec-tools, which says only that it has
// failed, another kexec call. Not so a program that hangs.
bool IsWorthAnotherTry(const Error& error) {
  return error.code() != ErrorCode::kTimeout && error.code() != ErrorCode::kRefused && !IsBusy(error);
}

Result<> CallKernel(Machine& machine, const CrashImage& image) {
  const bool was_loaded = IsStillLoaded(machine);
  const auto attempt = [&]() -> Result<> {
    if (!was_loaded && IsStillLoaded(machine)) {
      return Error::Format(ErrorCode::kRefused, "another program has just loaded a capture kernel");
    }
    return machine.LoadCrashKernel(image);
  };
  const Result<> first = RetryWhileBusy(kKexecChangeLimit, attempt);
  if (!first.ok()) {
    if (!IsWorthAnotherTry(first.error())) return first.error();
    // Waits until nobody else is in the kernel for the same.
    (void)CrashReservation(machine);
    TRY(attempt());
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

Result<std::string> CommandLineFor(const Machine& machine, const ImageOptions& options,
                                   const Architecture& architecture, const TargetDevice& target) {
  CaptureCommandLineFacts facts;
  facts.drivers = target.drivers;
  facts.family = architecture.family;
  facts.running = TRY(machine.ReadText("/proc/cmdline"));
  facts.append = options.command_line_append;
  facts.cpus = options.cpus;
  if (facts.cpus > 1 && facts.family == KernelFamily::kX86) {
    const std::string cpuinfo = TRY(machine.ReadText("/proc/cpuinfo"));
    facts.boot_cpu_apic_id = BootCpuApicId(cpuinfo);
  }
  return MakeCaptureCommandLine(facts);
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

Result<> CheckCanLoad(const Machine& machine, const StateDirectory& run) {
  TRY(CheckKernelCanLoad(machine));
  TRY(CheckNoOtherDumper(machine));
  if (TRY(IsForeignImageLoaded(machine, run))) {
    return Error::Format(ErrorCode::kRefused,
                         "another program has loaded a capture kernel: unload it with that, or with `crashdump unload "
                         "--any`");
  }
  return {};
}

Result<ImageFiles> OpenImageFiles(const Machine& machine, const std::string& kernel, const std::string& initramfs) {
  ImageFiles files;
  files.architecture = TRY(FindArchitecture(machine.KernelMachine()));
  files.method = TRY(ChooseLoadMethod(machine, files.architecture));
  files.kernel = TRY(OpenKernel(machine.Path(kernel), files.architecture), "capture kernel");
  files.initramfs = TRY(OpenInitramfs(machine.Path(initramfs)), "capture initramfs");
  return files;
}

Result<LoadableImage> MakeLoadable(const Machine& machine, const ImageFiles& files, const ImageOptions& options,
                                   const TargetDescription& description, const KeyArming& arming) {
  TRY(CheckFits(machine, files.kernel, files.initramfs));
  std::string line = TRY(CommandLineFor(machine, options, files.architecture, description.device()));
  const std::string boot_id = TRY(BootId(machine));
  CpioWriter overlay(kOverlayCapacity);
  WriteOverlay(description, arming, machine.WatchdogDrivers(), overlay);
  return LoadableImage{.initramfs = TRY(JoinedInitramfs::Create(files.initramfs, overlay.bytes())),
                       .command_line = std::move(line),
                       .record = {.state = ArmedState::kLoading,
                                  .method = files.method,
                                  .boot_id = boot_id,
                                  .key_id = arming.credentials.key_id,
                                  .region_id = arming.credentials.region_id,
                                  .target = FormatTargetDescription(description)}};
}

Result<> LoadImage(Machine& machine, StateDirectory& run, const ImageFiles& files, const LoadableImage& image) {
  return Load(machine, run, image.record,
              {.kernel = files.kernel.fd.get(),
               .initramfs = image.initramfs.file().get(),
               .command_line = image.command_line,
               .method = files.method,
               .architecture = files.architecture});
}

}  // namespace crashdump
