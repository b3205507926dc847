// SPDX-License-Identifier: GPL-2.0-or-later
// save, export, messages and show as a user runs them, on good and on bad files, and on recovered dumps.
#include "cli/commands.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cli/options.h"
#include "common/base/byte_source.h"
#include "common/base/io.h"
#include "common/testing/dump_builder.h"
#include "common/testing/printk_log_builder.h"
#include "common/testing/sample_vmcore.h"
#include "common/testing/temp_directory.h"
#include "recover/dump_info.h"
#include "recover/kdump_file_test.h"

namespace crashdump {
namespace {

using testing::MakeSampleVmcore;
using testing::SampleVmcore;
using ::testing::internal::CaptureStderr;
using ::testing::internal::CaptureStdout;
using ::testing::internal::GetCapturedStderr;
using ::testing::internal::GetCapturedStdout;

struct Ran {
  int status;
  std::string out;
  std::string err;
};

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size());
  for (std::string& word : words) pointers.push_back(word.data());
  return pointers;
}

Ran Execute(int (*command)(std::span<char* const>), std::vector<std::string> words) {
  const std::vector<char*> pointers = Pointers(words);
  CaptureStdout();
  CaptureStderr();
  const int status = command(pointers);
  return {status, GetCapturedStdout(), GetCapturedStderr()};
}

std::vector<uint8_t> ReadBytes(const std::string& path) {
  const FileSource file = FileSource::Open(path.c_str()).TakeValue();
  std::vector<uint8_t> bytes(static_cast<size_t>(file.size()));
  EXPECT_TRUE(file.ReadAt(0, bytes).ok());
  return bytes;
}

class CommandsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    vmcore_ = directory_.WriteFile("vmcore", sample_.file);
    names_ = directory_.MakeDirectory("out");
  }

  std::string Out(const char* name) const { return names_ + "/" + name; }
  bool OutIsEmpty() const { return rmdir(names_.c_str()) == 0 && mkdir(names_.c_str(), 0700) == 0; }

  // One line that names the file, the right status, and nothing left behind.
  void ExpectFailure(const Ran& ran, int status, const std::string& part) const {
    EXPECT_EQ(ran.status, status);
    EXPECT_NE(ran.err.find(part), std::string::npos) << ran.err;
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
    EXPECT_EQ(ran.out, "");
    EXPECT_TRUE(OutIsEmpty()) << ran.err;
  }

  const SampleVmcore sample_ = MakeSampleVmcore(600);
  TempDirectory directory_;
  std::string vmcore_;
  std::string names_;
};

TEST_F(CommandsTest, SavedAndExportedEveryPageIsWhatItWas) {
  for (const char* level : {"0", "1"}) {
    const std::string dump = Out("dump") + level;
    const std::string elf = Out("elf") + level;
    Ran ran = Execute(RunSave, {vmcore_, "-o", dump, "--dump-level", level, "--threads", "3"});
    ASSERT_EQ(ran.status, 0) << ran.err;
    EXPECT_NE(ran.out.find(" pages"), std::string::npos);
    struct stat status {};
    ASSERT_EQ(stat(dump.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0600U);
    ran = Execute(RunExport, {dump, "--format", "elf", "-o", elf});
    ASSERT_EQ(ran.status, 0) << ran.err;
    EXPECT_EQ(ran.err, "");
    ASSERT_EQ(stat(elf.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0600U);

    const Vmcore original = sample_.Open();
    const Vmcore exported = Vmcore::Open(elf.c_str()).TakeValue();
    EXPECT_TRUE(Equal(original.notes(), exported.notes()));
    ASSERT_EQ(original.loads().size(), exported.loads().size());
    for (size_t i = 0; i < original.loads().size(); ++i) {
      const ElfSegment& a = original.loads()[i];
      const ElfSegment& b = exported.loads()[i];
      EXPECT_EQ(a.physical(), b.physical());
      EXPECT_EQ(a.virtual_address, b.virtual_address);
      std::vector<uint8_t> a_bytes(static_cast<size_t>(a.file_size));
      std::vector<uint8_t> b_bytes(static_cast<size_t>(b.file_size));
      ASSERT_TRUE(original.source().ReadAt(a.file_offset, a_bytes).ok());
      ASSERT_TRUE(exported.source().ReadAt(b.file_offset, b_bytes).ok());
      EXPECT_EQ(a_bytes, b_bytes);
    }
  }
}

TEST_F(CommandsTest, ExportedAsKdumpEveryPageIsWhatItWas) {
  for (const char* level : {"0", "1"}) {
    ASSERT_EQ(Execute(RunSave, {vmcore_, "-o", Out("dump"), "--dump-level", level, "--force"}).status, 0);
    for (const char* compress : {"zstd", "zlib", "none"}) {
      const Ran ran = Execute(RunExport, {Out("dump"), "--compress", compress, "-o", Out("kdump"), "--force"});
      ASSERT_EQ(ran.status, 0) << ran.err;
      EXPECT_EQ(ran.err, "");
      const KdumpFile file(ReadBytes(Out("kdump")), TargetFormat());
      EXPECT_EQ(file.release, "6.1.0-test");
      ASSERT_EQ(file.pages.size(), sample_.pages.size());
      for (const auto& [pfn, page] : sample_.pages) {
        const auto read = file.ReadPage(pfn);
        ASSERT_TRUE(read) << pfn;
        EXPECT_EQ(*read, page) << pfn;
      }
      // The sample has pages that cannot be compressed, and of level 0 zero pages are data.
      uint64_t raw = 0;
      for (const auto& [pfn, page] : file.pages) raw += page.flags == 0 && page.offset != file.data_offset;
      EXPECT_GT(raw, 0U);
      EXPECT_LT(raw, sample_.pages.size());
    }
  }
}

TEST_F(CommandsTest, FlattenedGoesToAPipeOrAFile) {
  ASSERT_EQ(Execute(RunSave, {vmcore_, "-o", Out("dump")}).status, 0);
  ASSERT_EQ(Execute(RunExport, {Out("dump"), "--format", "flattened", "-o", Out("flat")}).status, 0);
  const std::vector<uint8_t> flat = ReadBytes(Out("flat"));
  EXPECT_EQ(TextOf(Bytes(flat).first(12)), "makedumpfile");
  for (const bool named : {false, true}) {
    std::vector<std::string> words = {Out("dump"), "--format", "flattened"};
    if (named) words.insert(words.end(), {"-o", "-"});
    const Ran ran = Execute(RunExport, words);
    EXPECT_EQ(ran.status, 0) << ran.err;
    EXPECT_EQ(ran.err, "");
    EXPECT_TRUE(Equal(BytesOf(ran.out), flat));
  }
}

TEST_F(CommandsTest, MessagesAreTheSameOfBothAndEscaped) {
  ASSERT_EQ(Execute(RunSave, {vmcore_, "-o", Out("dump")}).status, 0);
  const Ran of_vmcore = Execute(RunMessages, {vmcore_});
  const Ran of_dump = Execute(RunMessages, {Out("dump")});
  EXPECT_EQ(of_vmcore.status, 0) << of_vmcore.err;
  EXPECT_EQ(of_vmcore.out, of_dump.out);
  EXPECT_NE(of_dump.out.find("Kernel panic - not syncing: \\x1b[31msample\n"), std::string::npos) << of_dump.out;
}

TEST_F(CommandsTest, MessagesWithCallerIds) {
  const Ran ran = Execute(RunMessages, {vmcore_, "--caller-id"});
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(ran.out.find("[    0.000000] [      T0] Linux version"), 0U) << ran.out;
  ASSERT_EQ(Execute(RunSave, {vmcore_, "-o", Out("dump")}).status, 0);
  EXPECT_EQ(Execute(RunMessages, {Out("dump"), "--caller-id"}).status, 1);
}

TEST_F(CommandsTest, DamagedMessagesAreCounted) {
  testing::VmcoreBuilder builder;
  testing::PrintkLogBuilder log(TargetFormat(), 0xffffffff81000000);
  log.Add("good").Add("bad");
  log.Store(log.HeaderOffset(1) + testing::PrintkLogBuilder::kLength, 2, 1);
  log.AddTo(builder, 0x200000);
  const std::string path = directory_.WriteFile("damaged", builder.Build());
  const Ran ran = Execute(RunMessages, {path});
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(ran.out, "[    0.000000] good\n");
  EXPECT_EQ(ran.err, "crashdump messages: warning: " + path + ": damaged records, which are left out: 1\n");
}

TEST_F(CommandsTest, ShowTellsWhatThereIs) {
  ASSERT_EQ(Execute(RunSave, {vmcore_, "-o", Out("dump")}).status, 0);
  const Ran of_dump = Execute(RunShow, {Out("dump"), "--verify"});
  EXPECT_EQ(of_dump.status, 0) << of_dump.err;
  for (const char* part : {"6.1.0-test", "x86_64", "complete", "2023-11-14 22:13:20 UTC", "Zero pages:"}) {
    EXPECT_NE(of_dump.out.find(part), std::string::npos) << part << "\n" << of_dump.out;
  }
  const Ran of_vmcore = Execute(RunShow, {vmcore_});
  EXPECT_EQ(of_vmcore.status, 0) << of_vmcore.err;
  EXPECT_NE(of_vmcore.out.find("6.1.0-test"), std::string::npos);
}

TEST_F(CommandsTest, ATornDumpIsExportedWithAWarning) {
  ASSERT_EQ(Execute(RunSave, {vmcore_, "-o", Out("dump"), "--threads", "1"}).status, 0);
  // Behind the fourth chunk, so that there is something left.
  const std::vector<uint8_t> bytes = ReadBytes(Out("dump"));
  std::vector<PlacedObject> chunks;
  for (const PlacedObject& object : ListObjects(bytes)) {
    if (object.type == ObjectType::kChunk) chunks.push_back(object);
  }
  ASSERT_GT(chunks.size(), 4U);
  ASSERT_EQ(truncate(Out("dump").c_str(), static_cast<off_t>(chunks[4].offset + 100)), 0);
  const Ran exported = Execute(RunExport, {Out("dump"), "--format", "elf", "-o", Out("elf")});
  EXPECT_EQ(exported.status, 0);
  EXPECT_NE(exported.err.find("torn"), std::string::npos) << exported.err;
  EXPECT_EQ(std::count(exported.err.begin(), exported.err.end(), '\n'), 1) << exported.err;
  EXPECT_TRUE(Vmcore::Open(Out("elf").c_str()).ok());
  const Ran shown = Execute(RunShow, {Out("dump"), "--verify"});
  EXPECT_EQ(shown.status, 1);
  EXPECT_NE(shown.out.find("torn"), std::string::npos) << shown.out;
  EXPECT_EQ(Execute(RunMessages, {Out("dump")}).status, 0);
}

TEST_F(CommandsTest, AnExistingFileIsReplacedOnlyByForce) {
  const std::string taken = directory_.WriteFile("taken", "mine");
  for (auto* const command : {RunSave, RunExport}) {
    const std::string input = command == RunSave ? vmcore_ : Out("dump");
    if (command == RunExport) ASSERT_EQ(Execute(RunSave, {vmcore_, "-o", Out("dump")}).status, 0);
    const Ran refused = Execute(command, {input, "-o", taken});
    EXPECT_EQ(refused.status, 1);
    EXPECT_NE(refused.err.find(taken + ": exists already"), std::string::npos) << refused.err;
    EXPECT_EQ(ReadTextFile(taken.c_str(), 100).value(), "mine");
    EXPECT_EQ(Execute(command, {input, "-o", taken, "--force"}).status, 0);
    EXPECT_FALSE(ReadTextFile(taken.c_str(), 100).ok());
    directory_.WriteFile("taken", "mine");
  }
  const std::string folder = directory_.MakeDirectory("folder");
  const Ran refused = Execute(RunSave, {vmcore_, "-o", folder, "--force"});
  EXPECT_EQ(refused.status, 1);
  EXPECT_NE(refused.err.find("not a regular file"), std::string::npos) << refused.err;
}

TEST_F(CommandsTest, WhatIsReadIsNeverReplaced) {
  ASSERT_EQ(Execute(RunSave, {vmcore_, "-o", Out("dump")}).status, 0);
  const std::string other_name = Out("link");
  ASSERT_EQ(link(Out("dump").c_str(), other_name.c_str()), 0);
  const std::vector<uint8_t> dump = ReadBytes(Out("dump"));
  EXPECT_EQ(Execute(RunSave, {vmcore_, "-o", vmcore_, "--force"}).status, 1);
  EXPECT_TRUE(Vmcore::Open(vmcore_.c_str()).ok());
  for (const std::string& output : {Out("dump"), other_name}) {
    const Ran refused = Execute(RunExport, {Out("dump"), "-o", output, "--force"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_NE(refused.err.find(output + ": is what it would be made from"), std::string::npos) << refused.err;
    EXPECT_EQ(ReadBytes(output), dump);
  }
}

TEST_F(CommandsTest, BadInputIsOneLineAndLeavesNothing) {
  std::vector<uint8_t> cut = sample_.file;
  cut.resize(cut.size() - 5000);
  const std::string truncated = directory_.WriteFile("truncated", cut);
  const std::string text = directory_.WriteFile("text", "this is no vmcore, and long enough to look like one");
  const std::string empty = directory_.WriteFile("empty", "");
  const std::string tiny = directory_.WriteFile("tiny",
                                                "\x7f"
                                                "ELF");
  const std::string magic = directory_.WriteFile("magic", "CRASHOBJ" + std::string(9000, 'x'));
  const std::string folder = directory_.MakeDirectory("folder");
  const std::string missing = directory_.Path("missing");

  struct Case {
    std::string path;
    const char* fact;
  };
  const std::vector<Case> cases = {
      {missing, "No such file"}, {folder, "Is a directory"}, {text, ""}, {empty, ""}, {tiny, ""}, {magic, ""}};
  for (const Case& bad : cases) {
    for (const Ran& ran : {Execute(RunSave, {bad.path, "-o", Out("x")}), Execute(RunExport, {bad.path, "-o", Out("x")}),
                           Execute(RunMessages, {bad.path}), Execute(RunShow, {bad.path})}) {
      ExpectFailure(ran, 1, bad.path + ": ");
      EXPECT_NE(ran.err.find(bad.fact), std::string::npos) << ran.err;
    }
  }
  ExpectFailure(Execute(RunSave, {truncated, "-o", Out("x")}), 1, truncated + ": truncated");
  ExpectFailure(Execute(RunMessages, {truncated}), 1, truncated + ": ");
  ExpectFailure(Execute(RunShow, {truncated}), 1, truncated + ": ");
  ExpectFailure(Execute(RunExport, {vmcore_, "-o", Out("x")}), 1, vmcore_ + ": is an ELF file already");
  ExpectFailure(Execute(RunSave, {vmcore_, "-o", missing + "/x"}), 1, missing + "/x: ");
  ExpectFailure(Execute(RunSave, {vmcore_, "-o", Out("x"), "--compression-level", "20"}), 2, "--compression-level");
  ExpectFailure(Execute(RunSave, {vmcore_, "-o", Out("x"), "--dump-level", "32"}), 2, "--dump-level");
  ExpectFailure(Execute(RunRecover, {"--format", "lkcd"}), 2, "\"lkcd\" is none of kdump");
  ExpectFailure(Execute(RunRecover, {"--hooks-only", "--dry-run"}), 2, "--hooks-only goes with neither");
  ExpectFailure(Execute(RunSave, {vmcore_, "-o", Out("x"), "--nonsense"}), 2, "--nonsense");
  ExpectFailure(Execute(RunSave, {vmcore_}), 2, "--output");
  ExpectFailure(Execute(RunExport, {vmcore_, "-o", Out("x"), "--format", "lkcd"}), 2, "\"lkcd\" is none of kdump");
  ExpectFailure(Execute(RunExport, {vmcore_}), 2, "--output FILE is missing");
  ExpectFailure(Execute(RunExport, {vmcore_, "-o", "-"}), 2, "--output FILE is missing");
  ExpectFailure(Execute(RunExport, {vmcore_, "-o", Out("x"), "--compress", "lzo"}), 2, "\"lzo\" is none of zstd");
  ExpectFailure(Execute(RunExport, {vmcore_, "-o", Out("x"), "--format", "elf", "--compress", "zstd"}), 2,
                "--compress");
  ExpectFailure(Execute(RunExport, {vmcore_, "-o", Out("x"), "--threads", "0"}), 2, "--threads");
  ExpectFailure(Execute(RunMessages, {}), 2, "FILE");
}

// A recovered dump, whose vmcore is in our own form.
class RecoveredCommandsTest : public CommandsTest {
 protected:
  static constexpr const char* kName = "20231114221320-a1a1a1a1a1a1";

  void SetUp() override {
    CommandsTest::SetUp();
    dump_ = directory_.MakeDirectory("crash/kernel/dumps/" + std::string(kName));
    ASSERT_EQ(Execute(RunSave, {vmcore_, "-o", dump_ + "/vmcore"}).status, 0);
    directory_.WriteFile("crash/kernel/dumps/" + std::string(kName) + "/dmesg.txt", "[    0.0] \\x1b[31msample\n");
    SetInfo(VmcoreFile::kPresent);
  }
  void SetInfo(VmcoreFile vmcore) const {
    const DumpInfo info{.attempt_id = "a1a1",
                        .release = "6.1.0-test",
                        .machine = "x86_64",
                        .crash_time = 1700000000,
                        .state = "incomplete",
                        .reason = "no room",
                        .vmcore = vmcore,
                        .vmcore_format = "crashdump",
                        .vmcore_bytes = 4096,
                        .page_bytes = 4096};
    directory_.WriteFile("crash/kernel/dumps/" + std::string(kName) + "/info.json", info.ToJson());
  }
  Ran On(int (*command)(std::span<char* const>), std::vector<std::string> words) const {
    words.insert(words.end(), {"--directory", directory_.Path("crash")});
    return Execute(command, words);
  }

  std::string dump_;
};

TEST_F(RecoveredCommandsTest, AnIdStandsForADump) {
  for (const char* id : {kName, "2023", "latest"}) {
    EXPECT_EQ(On(RunMessages, {id}).out, "[    0.0] \\x1b[31msample\n") << id;
    const Ran shown = On(RunShow, {id});
    EXPECT_EQ(shown.status, 0) << shown.err;
    for (const char* part :
         {"incomplete: no room", "6.1.0-test x86_64", "2023-11-14 22:13:20 UTC", "crashdump, 4.0 KiB"}) {
      const std::string words = part;
      for (size_t at = 0, end = 0; at < words.size(); at = end + 1) {
        end = std::min(words.find(' ', at), words.size());
        EXPECT_NE(shown.out.find(words.substr(at, end - at)), std::string::npos) << part << "\n" << shown.out;
      }
    }
    EXPECT_NE(shown.out.find(dump_), std::string::npos) << shown.out;
    const Ran exported = On(RunExport, {id, "-o", Out("kdump"), "--force"});
    EXPECT_EQ(exported.status, 0) << exported.err;
    EXPECT_EQ(KdumpFile(ReadBytes(Out("kdump")), TargetFormat()).pages.size(), sample_.pages.size());
  }
}

TEST_F(RecoveredCommandsTest, AFileWinsOverAnId) {
  const UniqueFd before = OpenFile(".", O_RDONLY | O_DIRECTORY).TakeValue();
  ASSERT_EQ(chdir(names_.c_str()), 0);
  ASSERT_EQ(Execute(RunSave, {vmcore_, "-o", "latest"}).status, 0);
  const Ran shown = On(RunShow, {"latest"});
  ASSERT_EQ(fchdir(before.get()), 0);
  EXPECT_NE(shown.out.find("File:"), std::string::npos) << shown.out;
}

TEST_F(RecoveredCommandsTest, WhatIsNeitherIsOneLine) {
  for (auto* const command : {RunShow, RunMessages}) {
    ExpectFailure(On(command, {"2022"}), 1, "2022: neither a file nor a recovered dump (see crashdump list)");
  }
  ExpectFailure(On(RunExport, {"2022", "-o", Out("x")}), 1, "2022: neither a file nor a recovered dump");
  ExpectFailure(On(RunReport, {"2022"}), 1, "2022: no recovered dump has this name (see crashdump list)");
  ExpectFailure(On(RunShow, {"latest", "--verify"}), 1, "latest: --verify is for files");
  ExpectFailure(On(RunMessages, {"latest", "--caller-id"}), 1, "latest: --caller-id is for vmcores");
  SetInfo(VmcoreFile::kPending);
  ExpectFailure(On(RunExport, {"latest", "-o", Out("x")}), 1, "has messages only: its memory is still in the swap");
  directory_.MakeDirectory("crash/kernel/dumps/20231114221320-a2a2a2a2a2a2");
  ExpectFailure(On(RunShow, {"2023"}), 1, "2023: is the beginning of 2 dumps' names");
  ExpectFailure(On(RunReport, {"latest"}), 1, "a2a2a2a2a2a2/info.json: ");
  ExpectFailure(Execute(RunRemove, {}), 2, "ID...");
  ExpectFailure(Execute(RunReport, {}), 2, "ID");
}

TEST_F(RecoveredCommandsTest, AReportThatIsMissingIsWrittenAgain) {
  const std::string path = dump_ + "/report.crash";
  EXPECT_EQ(On(RunReport, {"latest"}).out, path + "\n");
  const std::string report = ReadTextFile(path.c_str(), kMiB).TakeValue();
  EXPECT_NE(report.find("\nUname: Linux 6.1.0-test x86_64\nVmCoreDmesg: base64\n"), std::string::npos) << report;
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  directory_.WriteFile("crash/kernel/dumps/" + std::string(kName) + "/report.crash", "that of the recovery");
  EXPECT_EQ(On(RunReport, {"latest"}).status, 0);
  EXPECT_EQ(ReadTextFile(path.c_str(), kMiB).value(), "that of the recovery");
}

TEST_F(RecoveredCommandsTest, AReportIsPublishedOnce) {
  const std::string path = directory_.Path("crash/linux-image-6.1.0-test-") + kName + ".crash";
  for (int i = 0; i < 2; ++i) {
    const Ran ran = On(RunReport, {"latest", "--publish"});
    EXPECT_EQ(ran.status, 0) << ran.err;
    EXPECT_EQ(ran.out, path + "\n");
  }
  EXPECT_EQ(ReadTextFile(path.c_str(), kMiB).value(), ReadTextFile((dump_ + "/report.crash").c_str(), kMiB).value());
  ASSERT_EQ(unlink(path.c_str()), 0);
  ASSERT_EQ(symlink("/nowhere", path.c_str()), 0);
  ExpectFailure(On(RunReport, {"latest", "--publish"}), 1, "has put something else there");
}

TEST_F(CommandsTest, AFileThatCannotBeReadNamesTheFact) {
  // Root reads everything.
  if (geteuid() == 0 && (seteuid(65534) != 0 || access(directory_.path().c_str(), X_OK) != 0)) {
    ASSERT_EQ(seteuid(0), 0);
    ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
    ASSERT_EQ(chmod(vmcore_.c_str(), 0600), 0);
    ASSERT_EQ(seteuid(65534), 0);
  }
  const Ran ran = Execute(RunShow, {vmcore_});
  if (getuid() == 0) ASSERT_EQ(seteuid(0), 0);
  EXPECT_EQ(ran.status, 1);
  EXPECT_NE(ran.err.find(vmcore_ + ": open: Permission denied"), std::string::npos) << ran.err;
}

TEST_F(CommandsTest, AFullDiskLeavesNothing) {
  // A limit on the file's size fails like a full disk, once its signal is ignored.
  if (fork() == 0) {
    (void)signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = {.rlim_cur = 100000, .rlim_max = 100000};
    (void)setrlimit(RLIMIT_FSIZE, &limit);
    std::vector<std::string> words = {vmcore_, "-o", Out("x")};
    _exit(RunSave(Pointers(words)));
  }
  int status = 0;
  ASSERT_GT(wait(&status), 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1) << status;
  EXPECT_TRUE(OutIsEmpty());
}

}  // namespace
}  // namespace crashdump
