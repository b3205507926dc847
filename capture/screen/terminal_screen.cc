// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/screen/terminal_screen.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "common/base/io.h"

namespace crashdump {
namespace {

// console_codes(4). No blanking; no cursor; no wrapping behind the last column, which would scroll. Colour 3 is VGA's
// brown, 7 is white and 0 is black, whatever vt.default_red= and its like say. No UTF-8, and bytes are characters of
// the PC's ROM: for the blocks of a QR code.
constexpr std::string_view kTakeOver =
    "\x1b%@\x1b(U"
    "\x1b[9;0]\x1b[13]\x1b[?25l\x1b[?7l"
    "\x1b]P0000000\x1b]P3aa5500\x1b]P7ffffff"
    "\x1b[0;37;43m\x1b[H\x1b[2J";
constexpr std::string_view kColours = "\x1b[0;37;43m";
// Dark on white: not every reader takes the reverse.
constexpr std::string_view kCodeColours = "\x1b[0;30;47m";
// For each of kModulePairs a character of the PC's ROM. The kernel's own fonts have them in the same places
// (lib/fonts/font_8x16.c), and a kernel without CONFIG_CONSOLE_TRANSLATIONS knows no other way to them.
constexpr std::string_view kBlocks = " \xdf\xdc\xdb";
static_assert(kBlocks.size() == kModulePairs.size());
constexpr std::string_view kHome = "\x1b[H";
// Everything as ever, and the palette as well.
constexpr std::string_view kReset =
    "\x1b"
    "c\x1b]R";

Result<ScreenSize> SizeOf(int fd) {
  struct winsize window {};
  if (ioctl(fd, TIOCGWINSZ, &window) != 0) return Error::Os(errno, "size of the terminal");
  // A serial line has none.
  if (window.ws_col == 0 || window.ws_row == 0) return ScreenSize();
  return ScreenSize{.columns = window.ws_col, .rows = window.ws_row};
}

void AppendRow(std::string& bytes, const std::string& row) {
  bool in_code = false;
  bytes += kColours;
  for (const char each : row) {
    const size_t pair = kModulePairs.find(each);
    const bool is_code = pair != std::string_view::npos;
    if (is_code != in_code) bytes += is_code ? kCodeColours : kColours;
    in_code = is_code;
    bytes += is_code ? kBlocks[pair] : each;
  }
  if (in_code) bytes += kColours;
  bytes += "\x1b[K";
}

}  // namespace

std::string PaintRows(const std::vector<std::string>& before, const std::vector<std::string>& rows) {
  const bool all = before.size() != rows.size();
  std::string bytes;
  if (all) bytes += kTakeOver;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (all ? rows[i].empty() : rows[i] == before[i]) continue;
    bytes += "\x1b[" + std::to_string(i + 1) + ";1H";
    AppendRow(bytes, rows[i]);
  }
  if (!bytes.empty()) bytes += kHome;
  return bytes;
}

Result<TerminalScreen> TerminalScreen::Open(const char* path) {
  TerminalScreen screen(TRY(OpenFile(path, O_RDWR | O_NOCTTY | O_NONBLOCK), "%s", path));
  screen.size_ = TRY(SizeOf(screen.fd_.get()), "%s", path);
  // No echo, which would scroll, and no Ctrl-S, which would stop it.
  struct termios settings {};
  if (tcgetattr(screen.fd_.get(), &settings) != 0) return Error::Os(errno, "%s: settings", path);
  cfmakeraw(&settings);
  if (tcsetattr(screen.fd_.get(), TCSANOW, &settings) != 0) return Error::Os(errno, "%s: settings", path);
  // Whatever was shown there may have left it in an odd state, of character sets for one.
  (void)!write(screen.fd_.get(), kReset.data(), kReset.size());
  return screen;
}

void ResetTerminal(int fd) {
  struct termios settings {};
  if (tcgetattr(fd, &settings) == 0) {
    settings.c_oflag |= OPOST | ONLCR;
    (void)tcsetattr(fd, TCSANOW, &settings);
  }
  (void)!write(fd, kReset.data(), kReset.size());
}

void TerminalScreen::Show(const ScreenContent& content) {
  if (!is_open()) return;
  if (const Result<ScreenSize> size = SizeOf(fd_.get()); size.ok() && size.value() != size_) {
    size_ = size.value();
    code_lines_.clear();
    Invalidate();
  }
  if (std::vector<std::string> lines = LinesToTakeAlong(content); lines != code_lines_) {
    code_ = QrCode::Encode(lines, RoomForCode(size_));
    code_lines_ = std::move(lines);
  }
  std::vector<std::string> rows = LayOutScreen(content, size_, code_);
  const std::string bytes = PaintRows(shown_, rows);
  shown_ = std::move(rows);
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const ssize_t put = write(fd_.get(), rest.data(), rest.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      // Half of it is there: begin again.
      Invalidate();
      return;
    }
    rest.remove_prefix(static_cast<size_t>(put));
  }
}

}  // namespace crashdump
