// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/dump_report.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "common/base/io.h"
#include "common/base/parse.h"
#include "common/crypto/crypto.h"
#include "recover/crash_report.h"
#include "recover/private_directory.h"

namespace crashdump {
namespace {

// The release comes from the crashed kernel's memory and becomes part of a file name.
std::string NamedRelease(const DumpInfo& info) { return IsKernelRelease(info.release) ? info.release : "unknown"; }

Result<> CheckOurs(int directory_fd, const std::string& name) {
  struct stat status {};
  if (fstatat(directory_fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return Error::Os(errno, "%s: stat", name.c_str());
  }
  if (S_ISREG(status.st_mode) && status.st_uid == geteuid()) return {};
  return Error::Format(ErrorCode::kRefused, "%s: user %u has put something else there", name.c_str(),
                       unsigned{status.st_uid});
}

}  // namespace

Result<std::string> FormatDumpReport(const HostFacts& host, const DumpInfo& info, const std::string& dump_directory,
                                     std::string_view messages) {
  const std::string release = NamedRelease(info);
  const CrashReport report{.kernel_release = release,
                           .machine = IsKernelRelease(info.machine) ? info.machine : "unknown",
                           .architecture = host.architecture,
                           .distribution = host.distribution,
                           .package_version = host.package_version(release),
                           .date = FormatReportDate(info.crash_time),
                           .dump_directory = dump_directory,
                           .messages = messages};
  return FormatCrashReport(report);
}

std::string PublicReportName(const DumpInfo& info, const std::string& dump_name) {
  return "linux-image-" + NamedRelease(info) + "-" + dump_name + ".crash";
}

Result<> PublishReport(int crash_directory_fd, const std::string& name, std::string_view report) {
  // A new file under a name nobody can guess, then a rename that replaces nothing. Readers look for *.crash, so they
  // never see a half.
  std::array<uint8_t, 8> random{};
  RandomBytesNoWait(random);
  const std::string temporary = ".crashdump-" + ToHex(random);
  Result<> written = WritePrivateFile(crash_directory_fd, temporary.c_str(), report);
  if (written.ok() && RenameWithin(crash_directory_fd, temporary.c_str(), name.c_str(), RENAME_NOREPLACE) != 0) {
    written = errno == EEXIST ? CheckOurs(crash_directory_fd, name) : Error::Os(errno, "%s: rename", name.c_str());
    (void)unlinkat(crash_directory_fd, temporary.c_str(), 0);
  }
  if (!written.ok()) {
    (void)unlinkat(crash_directory_fd, temporary.c_str(), 0);
    return written;
  }
  return Fsync(crash_directory_fd);
}

}  // namespace crashdump
