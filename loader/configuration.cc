// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/configuration.h"

#include <algorithm>
#include <cerrno>

#include "common/base/parse.h"
#include "common/base/text_record.h"
#include "loader/target.h"

namespace crashdump {
namespace {

constexpr uint64_t kMostCpus = 64;

constexpr std::string_view kKeys[] = {"TARGET", "KERNEL_VERSION",      "KERNEL",        "INITRAMFS",
                                      "CPUS",   "COMMAND_LINE_APPEND", "VMCORE_FORMAT", "VMCORE_COMPRESS"};

Result<> CheckKeys(const TextRecord& record) {
  for (const auto& [key, value] : record.lines()) {
    if (std::find(std::begin(kKeys), std::end(kKeys), key) == std::end(kKeys)) {
      std::string known;
      for (const std::string_view name : kKeys) known += (known.empty() ? "" : ", ") + std::string(name);
      return Error::Format(ErrorCode::kInvalidArgument, "unknown key \"%s\"; there are %s", key.c_str(), known.c_str());
    }
    if (record.FindAll(key).size() > 1) {
      return Error::Format(ErrorCode::kInvalidArgument, "%s is given more than once", key.c_str());
    }
    if (value.empty() && key != "COMMAND_LINE_APPEND") {
      return Error::Format(ErrorCode::kInvalidArgument, "%s has no value", key.c_str());
    }
  }
  return {};
}

Result<std::string> PathOr(const TextRecord& record, std::string_view key, std::string otherwise) {
  const std::optional<std::string_view> path = record.Find(key);
  if (!path) return otherwise;
  if (path->front() != '/') {
    return Error::Format(ErrorCode::kInvalidArgument, "%s is no absolute path", std::string(key).c_str());
  }
  return std::string(*path);
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

Result<Configuration> ParseConfiguration(const Machine& machine, std::string_view text) {
  const TextRecord record = TRY(TextRecord::Parse(text));
  TRY(CheckKeys(record));
  Configuration configuration;
  const std::optional<std::string_view> target = record.Find("TARGET");
  if (!target || !target->starts_with("UUID=")) {
    return Error::Format(
        ErrorCode::kInvalidArgument,
        "TARGET=UUID=... is missing: the UUID of the swap that was prepared (see `blkid -t TYPE=swap`)");
  }
  configuration.target = TRY(ParseTarget(*target), "TARGET");
  configuration.kernel_version = record.Find("KERNEL_VERSION").value_or(machine.KernelRelease());
  if (configuration.kernel_version.find('/') != std::string::npos) {
    return Error::Format(ErrorCode::kInvalidArgument, "KERNEL_VERSION holds a slash");
  }
  const std::string& version = configuration.kernel_version;
  configuration.kernel = TRY(PathOr(record, "KERNEL", DefaultKernel(machine, version)));
  configuration.initramfs = TRY(PathOr(record, "INITRAMFS", std::string(kStatePath) + "/initramfs-" + version));
  if (const auto cpus = record.Find("CPUS")) {
    const uint64_t count = TRY(ParseNumber(*cpus), "CPUS");
    if (count < 1 || count > kMostCpus) {
      return Error::Format(ErrorCode::kInvalidArgument, "CPUS is not between 1 and %u",
                           static_cast<unsigned>(kMostCpus));
    }
    configuration.cpus = static_cast<unsigned>(count);
  }
  if (const auto format = record.Find("VMCORE_FORMAT")) {
    configuration.vmcore_format = TRY(ParseVmcoreFormat(*format), "VMCORE_FORMAT");
  }
  if (const auto compress = record.Find("VMCORE_COMPRESS")) {
    configuration.vmcore_compress = TRY(ParsePageCompression(*compress), "VMCORE_COMPRESS");
  }
  configuration.command_line_append = record.Find("COMMAND_LINE_APPEND").value_or("");
  return configuration;
}

Result<Configuration> ReadConfiguration(const Machine& machine, const char* path) {
  const Result<std::string> text = machine.ReadText(path);
  if (!text.ok() && text.error().os_error() == ENOENT) {
    return Error::Format(ErrorCode::kNotFound,
                         "%s does not exist: write TARGET=UUID=... into it, the UUID of the swap that was prepared",
                         path);
  }
  if (!text.ok()) return text.error();
  return TRY(ParseConfiguration(machine, text.value()), "%s", path);
}

}  // namespace crashdump
