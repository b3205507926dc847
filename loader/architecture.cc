// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/architecture.h"

#include <string>

namespace crashdump {
namespace {

struct Machine {
  std::string_view machine;
  Architecture architecture;
};

constexpr Architecture kI386 = {"i386", KernelFamily::kX86, {ByteOrder::kLittle, WordSize::k32}};

// The kernel's UTS_MACHINE. On i386 the digit is the processor's family, at most 6 (arch/x86/kernel/cpu/common.c, 6.1:
// arch_cpu_finalize_init).
constexpr Machine kMachines[] = {
    {"x86_64", {"x86_64", KernelFamily::kX86, {ByteOrder::kLittle, WordSize::k64}}},
    {"i386", kI386},
    {"i486", kI386},
    {"i586", kI386},
    {"i686", kI386},
    {"ppc64le", {"ppc64le", KernelFamily::kPowerpc, {ByteOrder::kLittle, WordSize::k64}}},
    {"ppc64", {"ppc64", KernelFamily::kPowerpc, {ByteOrder::kBig, WordSize::k64}}},
};

}  // namespace

Result<Architecture> FindArchitecture(std::string_view machine) {
  for (const Machine& known : kMachines) {
    if (known.machine == machine) return known.architecture;
  }
  return Error::Format(ErrorCode::kUnsupported, "a machine of the kind %s is not supported",
                       std::string(machine).c_str());
}

}  // namespace crashdump
