#include "sim/cli/arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

namespace po = boost::program_options;

po::options_description described(const VerbSpec& verb) {
    po::options_description description;
    for (const OptionSpec& option : verb.options) {
        if (option.kind == OptionKind::flag) {
            description.add_options()(option.name.c_str(), "");
        } else {
            description.add_options()(option.name.c_str(), po::value<std::string>(), "");
        }
    }
    return description;
}

std::vector<po::option> tokens(const VerbSpec& verb, const std::vector<std::string>& words) {
    const po::options_description description = described(verb);
    // Exactly what was written: no guessing of abbreviations, no short options, no "--option="
    // swallowed as an empty value.
    const int style = po::command_line_style::allow_long |
                      po::command_line_style::long_allow_adjacent |
                      po::command_line_style::long_allow_next;
    try {
        return po::command_line_parser(words)
            .options(description)
            .style(style)
            .allow_unregistered()
            .run()
            .options;
    } catch (const po::error& error) {
        throw UserError(error.what(), fmt::format("see perfwatt {} --help", verb.name));
    }
}

std::vector<std::string> option_names(const VerbSpec& verb) {
    std::vector<std::string> names;
    for (const OptionSpec& option : verb.options) names.push_back("--" + option.name);
    return names;
}

Diagnostic mistake(std::string message, std::string hint = {}) {
    return {.message = std::move(message), .hint = std::move(hint)};
}

std::string option_word(std::string_view original) {
    return std::string(original.substr(0, original.find('=')));
}

bool looks_like_option(std::string_view word) { return word.size() > 1 && word.front() == '-'; }

std::string usage(const VerbSpec& verb) {
    return fmt::format("usage: perfwatt {}{}{}{}", verb.name, verb.positional.empty() ? "" : " ",
                       verb.positional, verb.options.empty() ? "" : " [options]");
}

}  // namespace

Arguments parse_arguments(const VerbSpec& verb, const std::vector<std::string>& words) {
    Arguments arguments;
    arguments.verb_ = verb.name;
    std::vector<Diagnostic> mistakes;
    for (const po::option& token : tokens(verb, words)) {
        const std::string word =
            token.original_tokens.empty() ? std::string() : token.original_tokens.front();
        if (token.unregistered || (token.position_key >= 0 && looks_like_option(word))) {
            mistakes.push_back(
                mistake(fmt::format("perfwatt {} has no option '{}'", verb.name, option_word(word)),
                        did_you_mean(option_word(word), option_names(verb))));
        } else if (token.position_key >= 0) {
            arguments.positionals_.push_back(word);
        } else if (token.original_tokens.size() > 1 && token.original_tokens[1].starts_with("--")) {
            mistakes.push_back(
                mistake(fmt::format("{} needs a value, not '{}'", word, token.original_tokens[1]),
                        fmt::format("{}=... takes any text", word)));
        } else {
            std::vector<std::string>& values = arguments.values_[token.string_key];
            values.push_back(token.value.empty() ? std::string() : token.value.front());
        }
    }
    for (const OptionSpec& option : verb.options) {
        if (option.kind != OptionKind::many && arguments.texts(option.name).size() > 1) {
            mistakes.push_back(mistake(fmt::format("--{} is given more than once", option.name)));
        }
    }
    const int given = static_cast<int>(arguments.positionals_.size());
    if (mistakes.empty() && given > verb.max_positionals) {
        const std::string& first =
            arguments.positionals_[static_cast<std::size_t>(verb.max_positionals)];
        mistakes.push_back(mistake(fmt::format("'{}' is one word too many", first), usage(verb)));
    }
    if (mistakes.empty() && given < verb.min_positionals) {
        mistakes.push_back(
            mistake(fmt::format("perfwatt {} needs {}", verb.name, verb.positional), usage(verb)));
    }
    if (!mistakes.empty()) throw UserError(std::move(mistakes));
    return arguments;
}

bool Arguments::has(std::string_view option) const { return values_.find(option) != values_.end(); }

std::optional<std::string> Arguments::text(std::string_view option) const {
    const auto found = values_.find(option);
    if (found == values_.end()) return std::nullopt;
    if (found->second.front().empty()) throw UserError(fmt::format("--{} is empty", option));
    return found->second.front();
}

std::string Arguments::text(std::string_view option, std::string otherwise) const {
    return text(option).value_or(std::move(otherwise));
}

std::string Arguments::required(std::string_view option) const {
    const std::optional<std::string> given = text(option);
    if (!given) {
        throw UserError(fmt::format("--{} is missing", option),
                        fmt::format("see perfwatt {} --help", verb_));
    }
    return *given;
}

std::vector<std::string> Arguments::texts(std::string_view option) const {
    const auto found = values_.find(option);
    return found == values_.end() ? std::vector<std::string>{} : found->second;
}

std::int64_t Arguments::integer(std::string_view option, std::int64_t otherwise, std::int64_t least,
                                std::int64_t most) const {
    const std::optional<std::string> given = text(option);
    return given ? parse_integer(*given, fmt::format("--{}", option), least, most) : otherwise;
}

std::vector<std::int64_t> Arguments::integers(std::string_view option, std::int64_t least,
                                              std::int64_t most) const {
    std::vector<std::int64_t> numbers;
    for (const std::string& given : texts(option)) {
        numbers.push_back(parse_integer(given, fmt::format("--{}", option), least, most));
    }
    return numbers;
}

std::string Arguments::choice(std::string_view option,
                              const std::vector<std::string>& allowed) const {
    const std::string given = text(option, allowed.front());
    if (std::find(allowed.begin(), allowed.end(), given) == allowed.end()) {
        const std::string near = did_you_mean(given, allowed);
        throw UserError(fmt::format("--{} '{}' is not supported; it takes: {}", option, given,
                                    fmt::join(allowed, ", ")),
                        near);
    }
    return given;
}

std::int64_t parse_integer(std::string_view text, std::string_view what, std::int64_t least,
                           std::int64_t most) {
    std::int64_t number = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    const bool is_number = stop == end && error != std::errc::invalid_argument;
    if (!is_number || error != std::errc{} || number < least || number > most) {
        throw UserError(
            fmt::format("{} '{}' is not a whole number from {} to {}", what, text, least, most));
    }
    return number;
}

std::string help_text(const VerbSpec& verb) {
    std::string help = fmt::format("{}\n\n{}\n", verb.summary, usage(verb));
    std::size_t width = 0;
    std::vector<std::string> forms;
    for (const OptionSpec& option : verb.options) {
        std::string form = "--" + option.name;
        if (option.kind != OptionKind::flag) form += " " + option.value;
        if (option.kind == OptionKind::many) form += " ...";
        width = std::max(width, form.size());
        forms.push_back(std::move(form));
    }
    if (!forms.empty()) help += "\n";
    for (std::size_t i = 0; i < forms.size(); ++i) {
        help += fmt::format("  {:<{}}  {}\n", forms[i], width, verb.options[i].help);
    }
    return help;
}

}  // namespace perfwatt
