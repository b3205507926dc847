// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/host_facts.h"

#include <sys/utsname.h>

#include <array>
#include <utility>

#include "common/base/io.h"
#include "common/base/parse.h"
#include "common/base/units.h"

namespace crashdump {
namespace {

constexpr uint64_t kOsReleaseLimit = 64 * kKiB;
constexpr uint64_t kPackageDatabaseLimit = 64 * kMiB;

// NAME=value or NAME="value" in a file of os-release's kind.
std::string ShellValue(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() == text.size() ? line.size() : line.size() + 1);
    if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != '=') continue;
    line = TrimSpace(line.substr(name.size() + 1));
    if (line.size() >= 2 && (line.front() == '"' || line.front() == '\'') && line.back() == line.front()) {
      line = line.substr(1, line.size() - 2);
    }
    return std::string(line);
  }
  return {};
}

std::string Distribution(const std::string& root) {
  const Result<std::string> text = ReadTextFile((root + "/etc/os-release").c_str(), kOsReleaseLimit);
  if (!text.ok()) return "unknown";
  const std::string name = ShellValue(text.value(), "NAME");
  const std::string version = ShellValue(text.value(), "VERSION_ID");
  if (name.empty()) return "unknown";
  return version.empty() ? name : name + " " + version;
}

// Debian's names, which the readers of the reports know.
std::string Architecture(std::string_view machine) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kNames{{
      {"x86_64", "amd64"},
      {"i686", "i386"},
      {"i586", "i386"},
      {"i486", "i386"},
      {"i386", "i386"},
      {"ppc64le", "ppc64el"},
      {"ppc64", "ppc64"},
      {"aarch64", "arm64"},
  }};
  for (const auto& [kernel_name, debian_name] : kNames) {
    if (machine == kernel_name) return std::string(debian_name);
  }
  return machine.empty() ? "unknown" : std::string(machine);
}

std::string PackageVersion(const std::string& root, const std::string& release) {
  const Result<std::string> database = ReadTextFile((root + "/var/lib/dpkg/status").c_str(), kPackageDatabaseLimit);
  if (!database.ok()) return {};
  const std::string_view text = database.value();
  const std::string start = "Package: linux-image-" + release + "\n";
  size_t begin = text.starts_with(start) ? 0 : text.find("\n" + start);
  if (begin == std::string_view::npos) return {};
  const std::string_view rest = text.substr(begin + 1);
  const std::string_view paragraph = rest.substr(0, rest.find("\n\n"));
  constexpr std::string_view kVersion = "\nVersion: ";
  begin = paragraph.find(kVersion);
  if (begin == std::string_view::npos || paragraph.find("\nStatus: install ok installed") == std::string_view::npos) {
    return {};
  }
  const std::string_view version = paragraph.substr(begin + kVersion.size());
  return std::string(TrimSpace(version.substr(0, version.find('\n'))));
}

}  // namespace

HostFacts ReadHostFacts(const std::string& root, std::string_view machine) {
  return {.distribution = Distribution(root),
          .architecture = Architecture(machine),
          .package_version = [root](const std::string& release) { return PackageVersion(root, release); }};
}

HostFacts ReadHostFacts() {
  struct utsname names {};
  (void)uname(&names);
  return ReadHostFacts("", names.machine);
}

}  // namespace crashdump
