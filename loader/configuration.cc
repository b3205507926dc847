// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/configuration.h"

#include <algorithm>
#include <cctype>
#include <cerrno>

#include "common/base/parse.h"
#include "common/base/text_record.h"
#include "loader/target.h"

namespace crashdump {
namespace {

constexpr uint64_t kMostCpus = 64;

Result<std::string> AbsolutePath(std::string_view value) {
  if (value.front() != '/') return Error::Format(ErrorCode::kInvalidArgument, "no absolute path");
  return std::string(value);
}

Result<> SetTarget(std::string_view value, Configuration& configuration) {
  if (!value.starts_with("UUID=")) {
    return Error::Format(ErrorCode::kInvalidArgument,
                         "want UUID=..., that of the swap that was prepared (see `blkid -t TYPE=swap`)");
  }
  configuration.target = TRY(ParseTarget(value));
  return {};
}

Result<> SetReserve(std::string_view value, Configuration& configuration) {
  configuration.reserve = TRY(ParseReserve(value));
  configuration.prepares_at_boot = true;
  return {};
}

Result<> SetPanicOn(std::string_view value, Configuration& configuration) {
  configuration.panic_on = TRY(ParsePanicCauses(value));
  return {};
}

Result<> SetKernelVersion(std::string_view value, Configuration& configuration) {
  if (value.find('/') != std::string_view::npos) return Error::Format(ErrorCode::kInvalidArgument, "holds a slash");
  configuration.kernel_version = value;
  return {};
}

Result<> SetKernel(std::string_view value, Configuration& configuration) {
  configuration.kernel = TRY(AbsolutePath(value));
  return {};
}

Result<> SetInitramfs(std::string_view value, Configuration& configuration) {
  configuration.initramfs = TRY(AbsolutePath(value));
  return {};
}

Result<> SetEarly(std::string_view value, Configuration& configuration) {
  if (value != "yes" && value != "no") return Error::Format(ErrorCode::kInvalidArgument, "want yes or no");
  configuration.early = value == "yes";
  return {};
}

Result<> SetCpus(std::string_view value, Configuration& configuration) {
  const uint64_t count = TRY(ParseNumber(value));
  if (count < 1 || count > kMostCpus) {
    return Error::Format(ErrorCode::kInvalidArgument, "not between 1 and %u", static_cast<unsigned>(kMostCpus));
  }
  configuration.cpus = static_cast<unsigned>(count);
  return {};
}

Result<> SetCommandLineAppend(std::string_view value, Configuration& configuration) {
  configuration.command_line_append = value;
  return {};
}

Result<> SetVmcoreFormat(std::string_view value, Configuration& configuration) {
  configuration.vmcore_format = TRY(ParseVmcoreFormat(value));
  return {};
}

Result<> SetVmcoreCompress(std::string_view value, Configuration& configuration) {
  configuration.vmcore_compress = TRY(ParsePageCompression(value));
  return {};
}

Result<> SetReports(std::string_view value, Configuration& configuration) {
  if (value != "private" && value != "apport") {
    return Error::Format(ErrorCode::kInvalidArgument, "want private or apport");
  }
  configuration.reports = value == "apport" ? ReportPlace::kApport : ReportPlace::kPrivate;
  return {};
}

Result<> SetKeep(std::string_view value, Configuration& configuration) {
  configuration.retention.keep = TRY(ParseNumber(value));
  return {};
}

Result<> SetMaxSize(std::string_view value, Configuration& configuration) {
  configuration.retention.max_size = TRY(ParseSize(value));
  return {};
}

Result<> SetMinFree(std::string_view value, Configuration& configuration) {
  configuration.min_free = TRY(ParseSize(value));
  return {};
}

// Words for the hooks: "storage", "target", or names of modules.
Result<> CheckModules(std::string_view value, Configuration& /*configuration*/) {
  for (const char c : value) {
    if (isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '-' && c != ' ') {
      return Error::Format(ErrorCode::kInvalidArgument, "want names of modules, with blanks between");
    }
  }
  return {};
}

struct Key {
  std::string_view name;
  Result<> (*set)(std::string_view value, Configuration& configuration);
  bool may_be_empty = false;
};

constexpr Key kKeys[] = {
    {"TARGET", SetTarget},
    {"RESERVE", SetReserve},
    {"PANIC_ON", SetPanicOn},
    {"KERNEL_VERSION", SetKernelVersion},
    {"KERNEL", SetKernel},
    {"INITRAMFS", SetInitramfs},
    {"MODULES", CheckModules},
    {"DISPLAY_MODULES", CheckModules, true},
    {"EARLY", SetEarly},
    {"CPUS", SetCpus},
    {"COMMAND_LINE_APPEND", SetCommandLineAppend, true},
    {"VMCORE_FORMAT", SetVmcoreFormat},
    {"VMCORE_COMPRESS", SetVmcoreCompress},
    {"REPORTS", SetReports},
    {"KEEP", SetKeep},
    {"MAX_SIZE", SetMaxSize},
    {"MIN_FREE", SetMinFree},
};

Result<const Key*> FindKey(std::string_view name) {
  const auto* const key =
      std::find_if(std::begin(kKeys), std::end(kKeys), [&](const Key& each) { return each.name == name; });
  if (key != std::end(kKeys)) return key;
  std::string known;
  for (const Key& each : kKeys) known += (known.empty() ? "" : ", ") + std::string(each.name);
  return Error::Format(ErrorCode::kInvalidArgument, "unknown key \"%s\"; there are %s", std::string(name).c_str(),
                       known.c_str());
}

// Where distributions put the kernel of this version. Those for powerpc have it as ELF file, under the other name.
std::string DefaultKernel(const Machine& machine, const std::string& version) {
  const std::string places[] = {"/boot/vmlinuz-" + version, "/boot/vmlinux-" + version,
                                "/usr/lib/modules/" + version + "/vmlinuz", "/usr/lib/modules/" + version + "/vmlinux"};
  for (const std::string& place : places) {
    if (machine.Exists(place.c_str())) return place;
  }
  return places[0];
}

}  // namespace

Result<std::optional<uint64_t>> ParseReserve(std::string_view text) {
  if (text == "auto") return std::optional<uint64_t>();
  return std::optional<uint64_t>(TRY(ParseSize(text)));
}

Result<Configuration> ParseConfigurationFor(const Machine& machine, std::string_view text, const std::string& release) {
  const TextRecord record = TRY(TextRecord::Parse(text));
  Configuration configuration;
  for (const auto& [name, value] : record.lines()) {
    const Key* const key = TRY(FindKey(name));
    if (record.FindAll(name).size() > 1) {
      return Error::Format(ErrorCode::kInvalidArgument, "%s is given more than once", name.c_str());
    }
    if (value.empty() && !key->may_be_empty) {
      return Error::Format(ErrorCode::kInvalidArgument, "%s has no value", name.c_str());
    }
    TRY(key->set(value, configuration), "%s", name.c_str());
  }
  if (configuration.kernel_version.empty()) configuration.kernel_version = release;
  const std::string& version = configuration.kernel_version;
  if (configuration.kernel.empty()) configuration.kernel = DefaultKernel(machine, version);
  if (configuration.initramfs.empty()) configuration.initramfs = std::string(kStatePath) + "/initramfs-" + version;
  return configuration;
}

Result<Configuration> ParseConfiguration(const Machine& machine, std::string_view text) {
  return ParseConfigurationFor(machine, text, machine.KernelRelease());
}

Result<Configuration> ReadConfigurationFor(const Machine& machine, const char* path, const std::string& version) {
  const Result<std::string> text = machine.ReadText(path);
  if (!text.ok() && text.error().os_error() == ENOENT) return ParseConfigurationFor(machine, "", version);
  if (!text.ok()) return text.error();
  return TRY(ParseConfigurationFor(machine, text.value(), version), "%s", path);
}

Result<Configuration> ReadConfiguration(const Machine& machine, const char* path) {
  return ReadConfigurationFor(machine, path, machine.KernelRelease());
}

}  // namespace crashdump
