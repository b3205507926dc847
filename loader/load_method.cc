// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/load_method.h"

#include "common/base/parse.h"
#include "common/base/units.h"
#include "common/vmcore/printable_text.h"
#include "loader/boot_image.h"
#include "loader/freed_memory.h"
#include "loader/run_program.h"
#include "loader/system_facts.h"

namespace crashdump {
namespace {

// Where distributions have it.
constexpr const char* kKexecPaths[] = {"/usr/sbin/kexec", "/sbin/kexec"};
// It reads two files, computes checksums and makes one system call: a second, on an emulated machine perhaps twenty.
// crashdump-load.service is given more than this.
constexpr std::chrono::seconds kKexecLimit{60};

constexpr size_t kMostReason = 160;

// What it says, as one line.
std::string ReasonIn(std::string_view output) {
  // What it says on every machine of the kind (kexec/fs2dt.c).
  constexpr std::string_view kChatter = "Modified cmdline:";
  std::string reason;
  while (!output.empty()) {
    const size_t length = output.find('\n');
    const std::string_view line = TrimSpace(output.substr(0, length));
    output.remove_prefix(length == std::string_view::npos ? output.size() : length + 1);
    if (line.empty() || line.starts_with(kChatter)) continue;
    if (reason.size() + line.size() > kMostReason && !reason.empty()) break;
    reason += (reason.empty() ? "" : "; ") + EscapeControl(line.substr(0, kMostReason));
  }
  return reason.empty() ? "it says nothing" : reason;
}

// A big-endian kernel's kexec_file_load tells the capture kernel to stay where it is in one half of a doubleword, and
// hands it the other half (arch/powerpc/purgatory/trampoline_64.S, 6.1, run_at_load). So that kernel moves to address
// 0, over the memory that is to be saved.
bool MovesToZero(const Architecture& architecture) {
  return architecture.family == KernelFamily::kPowerpc && architecture.format.order == ByteOrder::kBig;
}

}  // namespace

Result<LoadMethod> ChooseLoadMethod(const Machine& machine, const Architecture& architecture, WordSize program) {
  if (machine.HasKexecFileLoad() && !MovesToZero(architecture)) return LoadMethod::kFileLoad;
  if (program != architecture.format.word) {
    // x86_64 has no kexec_file_load among the system calls of 32-bit programs (arch/x86/entry/syscalls/syscall_32.tbl).
    return Error::Format(ErrorCode::kRefused, "this is a %u-bit crashdump, and the kernel is %s: install that for %s",
                         8 * static_cast<unsigned>(program), std::string(architecture.name).c_str(),
                         std::string(architecture.name).c_str());
  }
  TRY(FindKexecTools(machine));
  return LoadMethod::kKexecTools;
}

const char* NameOf(LoadMethod method) {
  return method == LoadMethod::kFileLoad ? "kexec_file_load" : "kexec-tools (kexec_load)";
}

Result<std::string> FindKexecTools(const Machine& machine) {
  for (const char* const path : kKexecPaths) {
    if (machine.Exists(path)) return machine.Path(path);
  }
  return Error::Format(
      ErrorCode::kNotFound,
      "this kernel has no kexec_file_load that works, and %s is not there: install the package kexec-tools",
      kKexecPaths[0]);
}

Result<> LoadWithKexecTools(Machine& machine, const CrashImage& image) {
  const std::string program = TRY(FindKexecTools(machine));
  const UniqueFd roomy = TRY(WithRoomToUnpack(image.kernel), "capture kernel");
  const uint64_t bytes = TRY(FileSize(roomy.get())) + TRY(FileSize(image.initramfs));
  const InheritedFile kernel = TRY(InheritedFile::Create(roomy.get()), "capture kernel");
  const InheritedFile initramfs = TRY(InheritedFile::Create(image.initramfs), "capture initramfs");
  ProgramRun run = {.path = program, .arguments = {}, .inherited = {kernel.fd(), initramfs.fd()}, .limit = kKexecLimit};
  run.arguments = {"-p", "--initrd=" + initramfs.path(), "--command-line=" + image.command_line};
  // Or it would put the root= of the running kernel behind our words, without regard to the length.
  if (image.architecture.family == KernelFamily::kPowerpc) run.arguments.emplace_back("--dt-no-old-root");
  run.arguments.push_back(kernel.path());

  // kexec_load(2) would free the former image itself, as its first step (kernel/kexec.c, 6.1, do_kexec_load). But
  // whether a program that was killed or crashed had come that far, or further, nobody could tell afterwards.
  if (TRY(IsCrashKernelLoaded(machine))) TRY(machine.UnloadCrashKernel(), "unloading the former image");
  const FreedMemory freed;
  const ProgramEnd end = TRY(RunProgram(run));
  // It had both files in its memory, and gave that back in the order of addresses: the initramfs before the kernel,
  // then its libraries and stack.
  freed.Overwrite(bytes + 4 * kMiB);
  // The kernel takes an image as its last step, and whole. So this decides, not what the program says of itself.
  if (TRY(IsCrashKernelLoaded(machine))) return {};
  return Error::Format(end.timed_out ? ErrorCode::kTimeout : ErrorCode::kOs, "%s %s: %s", program.c_str(),
                       end.fault.empty() ? "has loaded nothing" : end.fault.c_str(), ReasonIn(end.output).c_str());
}

}  // namespace crashdump
