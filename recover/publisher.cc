// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/publisher.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <ctime>

#include "common/base/file_sink.h"
#include "common/base/io.h"
#include "common/base/parse.h"
#include "common/base/text_record.h"
#include "common/vmcore/printable_text.h"
#include "recover/dump_files.h"
#include "recover/dump_report.h"
#include "recover/private_directory.h"

namespace crashdump {
namespace {

constexpr std::string_view kTemporaryPrefix = ".incoming-";

std::string Fact(const TextRecord& facts, std::string_view key) { return std::string(facts.Find(key).value_or("")); }

std::string ParentOf(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, std::max<size_t>(slash, 1));
}

bool Exists(int directory_fd, const char* name) {
  struct stat status {};
  return fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

// Whether what can be published now is more than what an earlier run published, and never less.
bool AddsTo(const DumpInfo& earlier, const DumpSurvey& survey, uint64_t messages_bytes, VmcoreFile vmcore) {
  // Swap may have taken some of it since.
  if (messages_bytes < earlier.messages_bytes) return false;
  if (earlier.vmcore == VmcoreFile::kPresent && survey.data_pages < earlier.data_pages) return false;
  if (earlier.vmcore == VmcoreFile::kPresent && vmcore != VmcoreFile::kPresent) return false;
  if (earlier.vmcore == VmcoreFile::kPending) {
    if (vmcore == VmcoreFile::kPresent) return true;
    // Swap has taken the pages meanwhile: there is nothing to wait for.
    if (vmcore == VmcoreFile::kNone && !survey.read_error) return true;
  }
  if (!earlier.read_error) return false;
  return !survey.read_error || survey.data_pages > earlier.data_pages || messages_bytes > earlier.messages_bytes;
}

bool HasSize(int directory_fd, const char* name, uint64_t bytes) {
  struct stat status {};
  return fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
         static_cast<uint64_t>(status.st_size) == bytes;
}

}  // namespace

Result<Publisher> Publisher::Open(const std::string& crash_directory, uint64_t minimum_free, HostFacts host,
                                  ReportPlace reports) {
  if (mkdir(crash_directory.c_str(), 0755) != 0 && errno != EEXIST) {
    return Error::Os(errno, "%s: mkdir", crash_directory.c_str());
  }
  UniqueFd crash = TRY(OpenFile(crash_directory.c_str(), O_RDONLY | O_DIRECTORY), "%s", crash_directory.c_str());
  const UniqueFd parent = TRY(OpenFileAt(crash.get(), "..", O_RDONLY | O_DIRECTORY), "%s/..", crash_directory.c_str());
  TRY(Fsync(parent.get()), "%s/..", crash_directory.c_str());
  const UniqueFd kernel = TRY(OpenPrivateDirectory(crash.get(), "kernel"), "%s", crash_directory.c_str());
  UniqueFd dumps = TRY(OpenPrivateDirectory(kernel.get(), "dumps"), "%s/kernel", crash_directory.c_str());
  return Publisher(std::move(crash), std::move(dumps), crash_directory + "/kernel/dumps", minimum_free, std::move(host),
                   reports);
}

Result<Publisher> Publisher::OpenForPreview(const std::string& crash_directory, uint64_t minimum_free) {
  std::string path = crash_directory;
  Result<UniqueFd> crash = OpenFile(path.c_str(), O_RDONLY | O_DIRECTORY);
  if (!crash.ok() && crash.error().os_error() == ENOENT) {
    // It would be made there.
    path = ParentOf(path);
    crash = OpenFile(path.c_str(), O_RDONLY | O_DIRECTORY);
  }
  if (!crash.ok()) return crash.error().Prefixed("%s", path.c_str());
  UniqueFd deepest = TRY(OpenFileAt(crash.value().get(), ".", O_RDONLY | O_DIRECTORY), "%s", path.c_str());
  for (const char* name : {"kernel", "dumps"}) {
    Result<UniqueFd> next = FindPrivateDirectory(deepest.get(), name);
    if (!next.ok()) break;
    deepest = next.TakeValue();
  }
  return Publisher(crash.TakeValue(), std::move(deepest), crash_directory + "/kernel/dumps", minimum_free, {},
                   ReportPlace::kPrivate);
}

std::string Publisher::DumpName(const DumpHeader& header) {
  const auto time = static_cast<time_t>(header.crash_time);
  struct tm utc {};
  (void)gmtime_r(&time, &utc);
  std::array<char, 32> text{};
  // Fourteen digits: cron jobs of the distribution remove directories whose names are twelve.
  (void)strftime(text.data(), text.size(), "%Y%m%d%H%M%S", &utc);
  return std::string(text.data()) + "-" + ToHex(Bytes(header.attempt_id).first(6));
}

std::optional<DumpInfo> Publisher::FindPublished(const std::string& name, const DumpId& attempt_id,
                                                 const DumpId& key_id) const {
  const Result<UniqueFd> directory = OpenFileAt(dumps_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!directory.ok()) return std::nullopt;
  const int fd = directory.value().get();
  const Result<std::string> json = ReadTextFileAt(fd, kDumpInfoName, kDumpInfoLimit);
  if (!json.ok()) return std::nullopt;
  Result<DumpInfo> info = DumpInfo::Parse(json.value());
  // The reader of another dump may have been taken over, and say that it reads this one.
  if (!info.ok() || info.value().attempt_id != ToHex(attempt_id)) return std::nullopt;
  if (!info.value().key_id.empty() && info.value().key_id != ToHex(key_id)) return std::nullopt;
  if (!HasSize(fd, kMessagesName, info.value().messages_bytes)) return std::nullopt;
  if (info.value().vmcore == VmcoreFile::kPresent && !HasSize(fd, kVmcoreName, info.value().vmcore_bytes)) {
    return std::nullopt;
  }
  return info.TakeValue();
}

Result<uint64_t> Publisher::Room() const {
  struct statfs status {};
  if (fstatfs(dumps_.get(), &status) != 0) return Error::Os(errno, "%s: statfs", dumps_path_.c_str());
  const uint64_t free = uint64_t{status.f_bavail} * static_cast<uint64_t>(status.f_frsize);
  return free < minimum_free_ ? 0 : free - minimum_free_;
}

Result<uint64_t> Publisher::WriteVmcore(int directory_fd, DumpSource& source, uint64_t& needed) const {
  const UniqueFd file = TRY(CreatePrivateFile(directory_fd, kVmcoreName));
  // How much it will be is known before only where pages are not compressed.
  FileSink sink(file.get(), TRY(Room()));
  const Result<uint64_t> written = source.WriteVmcore(sink);
  needed = sink.wanted_bytes();
  const uint64_t bytes = TRY(written);
  if (ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) {
    return Error::Os(errno, "making a file of %" PRIu64 " bytes", bytes);
  }
  TRY(Fsync(file.get()));
  return bytes;
}

Result<Publisher::Built> Publisher::Build(const std::string& temporary, DumpSource& source, const Outlook& outlook,
                                          uint64_t& vmcore_bytes) const {
  TRY(RemovePrivateDirectory(dumps_.get(), temporary.c_str()));
  const UniqueFd directory = TRY(OpenPrivateDirectory(dumps_.get(), temporary.c_str()));

  const DumpHeader& header = outlook.header;
  const DumpSurvey& survey = outlook.survey;
  const TextRecord facts = TRY(TextRecord::Parse(survey.machine_facts), "machine facts");
  TRY(WritePrivateFile(directory.get(), kMessagesName, outlook.messages));
  const bool is_present = outlook.vmcore == VmcoreFile::kPresent;
  if (is_present) vmcore_bytes = TRY(WriteVmcore(directory.get(), source, vmcore_bytes), "%s", kVmcoreName);
  DumpInfo info{.attempt_id = ToHex(header.attempt_id),
                .key_id = ToHex(outlook.key_id),
                .release = Fact(facts, "release"),
                .machine = Fact(facts, "machine"),
                .crash_time = header.crash_time,
                .state = DumpStateName(survey.state),
                .reason = survey.reason,
                .read_error = survey.read_error,
                .vmcore = outlook.vmcore,
                .vmcore_format = vmcore_bytes != 0 ? VmcoreFormatName(survey.format) : "",
                .vmcore_bytes = vmcore_bytes,
                .messages_bytes = outlook.messages.size(),
                .data_pages = survey.data_pages,
                .zero_pages = survey.zero_pages,
                .unreadable_pages = survey.unreadable_pages,
                .page_bytes = header.page_bytes,
                .vmcore_error = outlook.vmcore_error,
                .machine_facts = survey.machine_facts,
                .summary = survey.summary};
  TRY(WritePrivateFile(directory.get(), kDumpInfoName, info.ToJson()));
  std::string report = TRY(FormatDumpReport(host_, info, dumps_path_ + "/" + outlook.name, outlook.messages));
  TRY(WritePrivateFile(directory.get(), kReportName, report));
  // A try that came to no more is nothing to tell anybody.
  const bool is_unannounced = outlook.adds || Exists(dumps_.get(), (outlook.name + "/" + kUnannouncedName).c_str());
  if (is_unannounced) TRY(WritePrivateFile(directory.get(), kUnannouncedName, ""));
  TRY(Fsync(directory.get()), "%s", temporary.c_str());
  return Built{std::move(info), std::move(report)};
}

Result<> Publisher::MoveIntoPlace(const std::string& temporary, const std::string& name, bool is_earlier_there) {
  // The exchange leaves the name no moment without a dump, and the earlier stage under the temporary name.
  if (!is_earlier_there && Exists(dumps_.get(), name.c_str())) TRY(MoveAside(dumps_.get(), name.c_str()));
  const unsigned flags = is_earlier_there ? RENAME_EXCHANGE : RENAME_NOREPLACE;
  if (RenameWithin(dumps_.get(), temporary.c_str(), name.c_str(), flags) != 0) {
    return Error::Os(errno, "%s: rename", name.c_str());
  }
  return Fsync(dumps_.get());
}

Result<Publisher::Outlook> Publisher::LookAt(DumpSource& source, const DumpId& key_id) const {
  Outlook outlook{.name = DumpName(source.header()), .header = source.header(), .key_id = key_id};
  outlook.earlier = FindPublished(outlook.name, outlook.header.attempt_id, key_id);
  const std::optional<DumpInfo>& earlier = outlook.earlier;
  if (earlier && earlier->vmcore != VmcoreFile::kPending && !earlier->read_error) return outlook;
  Result<DumpSurvey> surveyed = source.Survey();
  if (!surveyed.ok()) {
    // Whatever is wrong with the pages, or with who reads them, must not keep the messages back.
    outlook.vmcore_error = surveyed.error().text();
    surveyed = source.SurveyTexts();
  }
  outlook.survey = TRY(std::move(surveyed));
  const DumpSurvey& survey = outlook.survey;
  outlook.messages = EscapeControl(survey.messages);
  if (!outlook.vmcore_error.empty()) {
    outlook.vmcore = VmcoreFile::kPending;
    if (survey.reason.empty()) outlook.survey.reason = "its pages could not be looked at";
  } else if (survey.page_count() != 0) {
    // A try that has failed is not made again with no more room: it would fill the disk each time that recover runs.
    const bool was_tried = earlier && earlier->vmcore_format == VmcoreFormatName(survey.format);
    const uint64_t needed = std::max(survey.expected_bytes, was_tried ? earlier->vmcore_bytes : 0);
    outlook.vmcore = needed <= TRY(Room()) ? VmcoreFile::kPresent : VmcoreFile::kPending;
  }
  outlook.adds = !earlier || AddsTo(*earlier, survey, outlook.messages.size(), outlook.vmcore);
  return outlook;
}

Published Publisher::Unchanged(const Outlook& outlook) {
  Published published{.name = outlook.name, .info = *outlook.earlier};
  const VmcoreFile vmcore = outlook.vmcore;
  if (!outlook.vmcore_error.empty()) published.info.vmcore_error = outlook.vmcore_error;
  const bool is_less =
      vmcore == VmcoreFile::kNone || (vmcore == outlook.earlier->vmcore && vmcore == VmcoreFile::kPresent);
  if (!outlook.survey.read_error && is_less) {
    // Nothing more will come: what is published is final.
    published.info.read_error = false;
    if (published.info.vmcore == VmcoreFile::kPending) published.info.vmcore = VmcoreFile::kNone;
  }
  return published;
}

Result<Published> Publisher::Preview(DumpSource& source, const DumpId& key_id) const {
  const Outlook outlook = TRY(LookAt(source, key_id));
  if (!outlook.adds) return Unchanged(outlook);
  const DumpSurvey& survey = outlook.survey;
  DumpInfo info;
  info.state = DumpStateName(survey.state);
  info.reason = survey.reason;
  info.read_error = survey.read_error;
  info.vmcore = outlook.vmcore;
  info.vmcore_format = VmcoreFormatName(survey.format);
  info.vmcore_bytes = survey.expected_bytes;
  info.vmcore_error = outlook.vmcore_error;
  info.data_pages = survey.data_pages;
  info.page_bytes = outlook.header.page_bytes;
  return Published{.name = outlook.name, .info = std::move(info), .is_new = true};
}

Result<Published> Publisher::Publish(DumpSource& source, const DumpId& key_id) {
  Outlook outlook = TRY(LookAt(source, key_id));
  const std::optional<DumpInfo>& earlier = outlook.earlier;
  // The run that has published it may have been interrupted before the name was flushed.
  if (earlier) TRY(Fsync(dumps_.get()), "%s", dumps_path_.c_str());
  if (!outlook.adds) return Unchanged(outlook);

  const std::string temporary = std::string(kTemporaryPrefix) + outlook.name;
  uint64_t vmcore_bytes = 0;
  Result<Built> built = Build(temporary, source, outlook, vmcore_bytes);
  if (!built.ok() && outlook.vmcore == VmcoreFile::kPresent) {
    // It became more than expected, or others have filled the disk meanwhile, or the memory could not be read: messages
    // and report at least; the pages stay where they are.
    TRY(RemovePrivateDirectory(dumps_.get(), temporary.c_str()));
    outlook.vmcore = VmcoreFile::kPending;
    const bool is_full = built.error().os_error() == ENOSPC;
    outlook.vmcore_error = is_full ? "" : built.error().text();
    // How much a try came to is worth writing down if there was no room.
    if (!is_full) vmcore_bytes = 0;
    outlook.adds = !earlier || AddsTo(*earlier, outlook.survey, outlook.messages.size(), outlook.vmcore);
    // What was read without an error is no less than what is published.
    const bool may_replace = earlier && earlier->vmcore != VmcoreFile::kPresent && !outlook.survey.read_error;
    if (!outlook.adds && !may_replace) {
      Published published{.name = outlook.name, .info = *earlier};
      published.info.vmcore_error = outlook.vmcore_error;
      return published;
    }
    built = Build(temporary, source, outlook, vmcore_bytes);
  }
  // The report comes before the directory: a run that is interrupted between the two does not lose it, and one whose
  // directory stands is never made again, so that an administrator who has dealt with it sees it once.
  Result<> moved = built.ok() ? Result<>() : Result<>(built.error());
  if (moved.ok() && !earlier) moved = ShowReport(outlook.name, built.value());
  if (moved.ok()) moved = MoveIntoPlace(temporary, outlook.name, earlier.has_value());
  // Gone after a move without exchange, else the earlier stage or what could not be completed.
  TRY(RemovePrivateDirectory(dumps_.get(), temporary.c_str()));
  if (!moved.ok()) return moved.error();
  return Published{.name = outlook.name, .info = built.TakeValue().info, .is_new = outlook.adds};
}

Result<> Publisher::ShowReport(const std::string& name, const Built& built) const {
  if (reports_ != ReportPlace::kApport) return {};
  const Result<> shown = PublishReport(crash_.get(), PublicReportName(built.info, name), built.report);
  // Somebody's trick, and not worth a failure.
  if (!shown.ok() && shown.error().code() == ErrorCode::kRefused) return {};
  return shown;
}

Result<> Publisher::RemoveLeftovers() {
  const std::vector<std::string> names = TRY(NamesInDirectory(dumps_.get()));
  for (const std::string& name : names) {
    if (!name.starts_with(kTemporaryPrefix) && !name.starts_with(kGoingPrefix)) continue;
    TRY(RemovePrivateDirectory(dumps_.get(), name.c_str()));
  }
  return {};
}

}  // namespace crashdump
