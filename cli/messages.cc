// SPDX-License-Identifier: GPL-2.0-or-later
// crashdump messages: the kernel's log of a dump or vmcore, safe for a terminal.
#include <array>

#include "cli/commands.h"
#include "cli/input_file.h"
#include "cli/options.h"
#include "cli/recovered_dump.h"
#include "common/base/byte_source.h"
#include "common/base/text_record.h"
#include "common/crypto/crypto.h"
#include "common/format/dump_reader.h"
#include "common/vmcore/panic_messages.h"
#include "common/vmcore/printable_text.h"
#include "recover/dump_files.h"

namespace crashdump {
namespace {

constexpr auto kOptions = std::to_array<OptionSpec>({
    {"caller-id", OptionKind::kFlag, "",
     "of a vmcore: say which task (T) or CPU (C) logged each record, if it is known"},
    kDirectoryOption,
});

constexpr CommandSpec kSpec = {
    .name = "messages",
    .positional = "FILE",
    .positional_minimum = 1,
    .positional_maximum = 1,
    .options = kOptions,
    .help =
        "Prints the kernel messages in FILE, which is a dump or an ELF vmcore, oldest first. Bytes that could do\n"
        "something to a terminal are shown as \\xNN.\n"
        "Where no file has that name, FILE is the ID of a recovered dump, as for crashdump report.\n",
    .example = "crashdump messages latest",
};

Result<std::string> MessagesOfVmcore(const char* path, CallerId caller_id) {
  const Vmcore vmcore = TRY(Vmcore::Open(path));
  const KernelMemory kernel = TRY(KernelMemory::Open(vmcore));
  const PanicMessages messages = TRY(PanicMessages::Open(kernel));
  std::string text;
  const PanicMessagesSummary summary = TRY(messages.Write({.caller_id = caller_id}, [&text](std::string_view piece) {
    text += piece;
    return Result<>();
  }));
  if (summary.damaged != 0) {
    PrintError("crashdump messages: warning",
               std::string(path) + ": damaged records, which are left out: " + std::to_string(summary.damaged));
  }
  return text;
}

Result<std::string> MessagesOfDump(const char* path) {
  TRY(InitializeCrypto());
  const FileSource source = TRY(FileSource::Open(path));
  DumpReader reader = TRY(DumpReader::OpenFile(source));
  DumpSections sections = reader.ReadSections();
  if (!sections.messages.empty()) {
    if (!sections.damage.empty()) {
      PrintError("crashdump messages: warning", std::string(path) + ": may lack messages: " + sections.damage);
    }
    return std::move(sections.messages);
  }
  std::string reason = sections.damage;
  if (const Result<TextRecord> facts = TextRecord::Parse(sections.machine_facts); facts.ok() && reason.empty()) {
    reason = facts.value().Find("messages_error").value_or("");
  }
  return Error::Format(ErrorCode::kNotFound, "holds no messages%s%s", reason.empty() ? "" : ": ", reason.c_str());
}

Result<int> Messages(const CommandLine& line) {
  const char* const path = line.positional()[0];
  const bool with_caller = line.Has("caller-id");
  const std::optional<RecoveredDump> recovered = TRY(DumpInsteadOfFile(line));
  const bool is_dump = recovered || TRY(DetectInput(path), "%s", path) == InputKind::kDump;
  if (is_dump && with_caller) {
    return Error::Format(ErrorCode::kInvalidArgument,
                         "%s: --caller-id is for vmcores: a dump holds its messages without caller ids", path);
  }
  if (recovered) {
    const std::string published = TRY(recovered->ReadText(kMessagesName));
    TRY(WriteOutput(published));
    return kExitSuccess;
  }
  const std::string text =
      TRY(is_dump ? MessagesOfDump(path) : MessagesOfVmcore(path, with_caller ? CallerId::kShow : CallerId::kHide),
          "%s", path);
  TRY(WriteOutput(EscapeControl(text)));
  return kExitSuccess;
}

}  // namespace

int RunMessages(std::span<char* const> arguments) { return RunCommand(kSpec, arguments, Messages); }

}  // namespace crashdump
