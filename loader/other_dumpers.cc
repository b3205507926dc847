// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/other_dumpers.h"

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
    {"kdump-utils", "kdump", "/usr/sbin/kdumpctl"},
};

// The links that `systemctl enable` makes for the units of those packages.
constexpr const char* kWantedBy[] = {"basic", "multi-user", "sysinit"};

}  // namespace

Result<> CheckNoOtherDumper(const Machine& machine) {
  for (const OtherDumper& other : kOthers) {
    if (!machine.Exists(other.program)) continue;
    for (const char* const target : kWantedBy) {
      const std::string link =
          std::string("/etc/systemd/system/") + target + ".target.wants/" + other.service + ".service";
      if (!machine.IsThere(link.c_str())) continue;
      return Error::Format(ErrorCode::kRefused,
                           "%s is enabled too, and would load its capture kernel into the same memory: switch one of "
                           "the two off (`systemctl disable --now %s`)",
                           other.package, other.service);
    }
  }
  return {};
}

}  // namespace crashdump
