// A fuzzing engine for compilers without one: mutates seed files for a while, deterministically for
// a given --seed and --runs. A libFuzzer build (clang, -fsanitize=fuzzer) leaves this file out.
//
//   fuzz_yaml [--seconds N] [--runs N] [--seed N] [--save FILE] FILE_OR_FOLDER...
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kMaxBytes = 64 << 10;
constexpr unsigned kHangSeconds = 20;

// The one place a signal handler can look: what is being run, and where to leave it.
struct Current {
    const char* data = nullptr;
    std::size_t size = 0;
    const char* file = nullptr;
};
Current current;  // NOLINT: reached from a signal handler

void leave_input() {
    if (std::FILE* file = std::fopen(current.file, "wb")) {
        std::fwrite(current.data, 1, current.size, file);
        std::fclose(file);
        std::fprintf(stderr, "the input is in %s\n", current.file);
    }
}

void on_signal(int signal) {
    std::fprintf(stderr, "\nsignal %d%s\n", signal, signal == SIGALRM ? ": it hangs" : "");
    leave_input();
    std::_Exit(1);
}

struct Options {
    std::uint64_t seconds = 60;
    std::uint64_t runs = 0;  ///< 0: until the time is over
    std::uint64_t seed = 1;
    std::string save = "fuzz_crash";
    std::vector<std::string> paths;
};

Options parse(int count, char** words) {
    Options options;
    for (int i = 1; i < count; ++i) {
        const std::string_view word = words[i];
        const char* value = i + 1 < count ? words[i + 1] : "0";
        if (word == "--seconds") {
            options.seconds = std::strtoull(value, nullptr, 10), ++i;
        } else if (word == "--runs") {
            options.runs = std::strtoull(value, nullptr, 10), ++i;
        } else if (word == "--seed") {
            options.seed = std::strtoull(value, nullptr, 10), ++i;
        } else if (word == "--save") {
            options.save = value, ++i;
        } else {
            options.paths.emplace_back(word);
        }
    }
    return options;
}

std::vector<std::string> read_seeds(const std::vector<std::string>& paths) {
    namespace fs = std::filesystem;
    std::vector<std::string> files;
    for (const std::string& path : paths) {
        if (fs::is_regular_file(path)) files.push_back(path);
        if (!fs::is_directory(path)) continue;
        for (const auto& entry : fs::recursive_directory_iterator(path))
            if (entry.is_regular_file()) files.push_back(entry.path().string());
    }
    std::sort(files.begin(), files.end());
    std::vector<std::string> seeds = {""};
    for (const std::string& file : files) {
        std::ifstream stream(file, std::ios::binary);
        std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
        if (text.size() <= kMaxBytes) seeds.push_back(std::move(text));
    }
    return seeds;
}

/// Small changes of the kinds that break parsers: bits, bytes, pieces moved, tokens, splices.
class Mutator {
  public:
    explicit Mutator(std::uint64_t seed) : random_(seed) {}

    std::string mutate(const std::vector<std::string>& seeds) {
        std::string text = seeds[below(seeds.size())];
        const std::size_t changes = 1 + below(8);
        for (std::size_t i = 0; i < changes; ++i) change(text, seeds);
        if (text.size() > kMaxBytes) text.resize(kMaxBytes);
        return text;
    }

  private:
    // std::uniform_int_distribution differs between libraries; a remainder does not.
    std::size_t below(std::size_t limit) {
        return limit == 0 ? 0 : static_cast<std::size_t>(random_() % limit);
    }

    void change(std::string& text, const std::vector<std::string>& seeds) {
        static constexpr std::string_view kTokens[] = {": ",
                                                       "- ",
                                                       "[",
                                                       "]",
                                                       "{",
                                                       "}",
                                                       ",",
                                                       "&a ",
                                                       "*a",
                                                       "!!int ",
                                                       "<<: ",
                                                       "|\n",
                                                       ">\n",
                                                       "'",
                                                       "\"",
                                                       "#",
                                                       "\t",
                                                       "\n---\n",
                                                       "\n...",
                                                       "? ",
                                                       "\r\n",
                                                       "%TAG ",
                                                       "\\x",
                                                       "010",
                                                       "1e999",
                                                       "-0",
                                                       ".inf",
                                                       "yes",
                                                       "null",
                                                       "~",
                                                       "value",
                                                       "source",
                                                       "1 KiB",
                                                       "max(",
                                                       "\xef\xbb\xbf",
                                                       "\xff",
                                                       "999999999999999999999",
                                                       "extends: ",
                                                       "schema: "};
        const std::size_t at = below(text.size() + 1);
        const std::size_t length = std::min(below(32) + 1, text.size() - at);
        switch (below(8)) {
            case 0:
                if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
                break;
            case 1:
                text.insert(at, 1, static_cast<char>(below(256)));
                break;
            case 2:
                text.erase(at, length);
                break;
            case 3:
                text.insert(below(text.size() + 1), text.substr(at, length));
                break;
            case 4:
            case 5:
                text.insert(at, kTokens[below(std::size(kTokens))]);
                break;
            case 6:
                text.insert(at,
                            std::string(below(200), text.empty() ? '[' : text[below(text.size())]));
                break;
            case 7: {
                const std::string& other = seeds[below(seeds.size())];
                const std::size_t from = below(other.size() + 1);
                text.insert(at, other.substr(from, below(400)));
                break;
            }
            default:
                break;
        }
    }

    std::mt19937_64 random_;
};

bool run_one(const std::string& input) {
    current.data = input.data();
    current.size = input.size();
    ::alarm(kHangSeconds);
    try {
        (void)LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()),
                                     input.size());
    } catch (const std::exception& error) {
        fmt::print(stderr, "\nan exception escaped: {}\n", error.what());
        leave_input();
        return false;
    }
    return true;
}

}  // namespace

int main(int count, char** words) {
    const Options options = parse(count, words);
    current.file = options.save.c_str();
    for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM})
        std::signal(signal, on_signal);
    const std::vector<std::string> seeds = read_seeds(options.paths);
    Mutator mutator(options.seed);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(options.seconds);
    std::uint64_t runs = 0;
    for (const std::string& seed : seeds)
        if (!run_one(seed)) return 1;
    while (options.runs > 0 ? runs < options.runs : std::chrono::steady_clock::now() < end) {
        if (!run_one(mutator.mutate(seeds))) return 1;
        ++runs;
    }
    fmt::print("{} inputs from {} seeds, none broke anything\n", runs, seeds.size());
    return 0;
}
