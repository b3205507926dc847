// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/other_dumpers.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace crashdump {
namespace {

struct OtherDumper {
  const char* package;
  const char* service;
  const char* program;
};

constexpr OtherDumper kOthers[] = {
    {"kdump-tools", "kdump-tools", "/usr/sbin/kdump-config"},
    {"kdump-utils", "kdump", "/usr/bin/kdumpctl"},
    {"kdump", "kdump", "/usr/sbin/kdumptool"},
};

// The links that `systemctl enable` makes for the units of those packages.
constexpr const char* kWantedBy[] = {"basic", "multi-user", "sysinit"};

bool IsEnabled(const Machine& machine, const std::string& service) {
  const std::string units = "/etc/systemd/system/";
  std::array<char, 16> masked{};
  const ssize_t length = readlink(machine.Path(units + service + ".service").c_str(), masked.data(), masked.size());
  if (length > 0 && std::string_view(masked.data(), static_cast<size_t>(length)) == "/dev/null") return false;
  return std::any_of(std::begin(kWantedBy), std::end(kWantedBy), [&](const char* target) {
    return machine.IsThere((units + target + ".target.wants/" + service + ".service").c_str());
  });
}

// Debian's own switch, in a file of shell assignments.
bool IsSwitchedOff(const Machine& machine) {
  const Result<std::string> settings = machine.ReadText("/etc/default/kdump-tools");
  return settings.ok() && ("\n" + settings.value()).find("\nUSE_KDUMP=0") != std::string::npos;
}

}  // namespace

Result<> CheckNoOtherDumper(const Machine& machine) {
  for (const OtherDumper& other : kOthers) {
    if (!machine.Exists(other.program) || !IsEnabled(machine, other.service) || IsSwitchedOff(machine)) continue;
    return Error::Format(ErrorCode::kRefused,
                         "%s is enabled too, and would load its capture kernel into the same memory: switch one of the "
                         "two off (`systemctl disable --now %s`)",
                         other.package, other.service);
  }
  return {};
}

}  // namespace crashdump
