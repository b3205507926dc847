// SPDX-License-Identifier: GPL-2.0-or-later
// What crash reports say about the machine that recovers: its distribution and installed kernel packages.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace crashdump {

struct HostFacts {
  std::string distribution;  // "Debian GNU/Linux 12"
  std::string architecture;  // "amd64"
  // The version of the installed package of a kernel release, or "".
  std::function<std::string(const std::string& release)> package_version;
};

// Reads /etc/os-release and dpkg's database below `root` ("" for the running system). What is not known is "unknown", a
// package that is not known has the version "".
HostFacts ReadHostFacts(const std::string& root, std::string_view machine);

// Of the running system.
HostFacts ReadHostFacts();

}  // namespace crashdump
