%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The operator's terminal, by the group leader of the calling process.
%%
%% It may be in another node, and may end during a run: then every request to it fails
%% with `terminated', which is no error of the command. A process of an application,
%% one that answers a web request for example, has no terminal: its output would go to
%% the standard output of the node.
%% @end
-module(kazoo_numbers_terminal).

-export([is_there/0, print/1, print/2, columns/0]).
-export([live/3, erase/1]).

%% @doc Whether the calling process has a terminal. The group leader of an application's
%% processes is the application master.
%% @end
-spec is_there() -> boolean().
is_there() -> application:get_application() =:= undefined.

%% @doc Prints the lines in one request; `gone' if the terminal has ended.
-spec print(Lines :: [unicode:chardata()]) -> ok | gone.
print(Lines) ->
    print(0, Lines).

%% @doc Prints the lines in the place of a live line of `Shown' characters.
-spec print(Shown :: non_neg_integer(), Lines :: [unicode:chardata()]) -> ok | gone.
print(Shown, Lines) ->
    put_chars([erased(Shown) | [[kazoo_numbers_line:plain(Line), $\n] || Line <- Lines]]).

put_chars(Text) ->
    try io:put_chars(translated(Text))
    catch
        error:no_translation -> put_ascii(Text);
        _Class:_Reason -> gone
    end.

%% A terminal that takes only ASCII still gets every line.
put_ascii(Text) ->
    try io:put_chars(ascii(Text))
    catch
        _Class:_Reason -> gone
    end.

%% A device that is not unicode, as that of `sup', prints escapes for other characters. A
%% device that does not report its encoding gets the text as it is.
translated(Text) ->
    Binary = unicode:characters_to_binary(Text),
    case is_ascii(Binary) orelse encoding() =/= latin1 of
        true -> Binary;
        false -> ascii(Binary)
    end.

encoding() ->
    case takes_text_only() orelse io:getopts() of
        Options when is_list(Options) -> proplists:get_value(encoding, Options);
        _Unknown -> undefined
    end.

%% An application can give a function an output that knows only text and ends at any other
%% request, as Crossbar's `cb_sup' does. Such a process is registered; those of OTP are not,
%% except `user'.
takes_text_only() ->
    Leader = group_leader(),
    case node(Leader) =:= node() andalso process_info(Leader, registered_name) of
        {registered_name, Name} -> Name =/= user;
        _Terminal -> false
    end.

is_ascii(Binary) -> re:run(Binary, "[^\\x00-\\x7f]", [{capture, none}]) =:= nomatch.

ascii(Text) ->
    unicode:characters_to_binary([in_ascii(Character) || Character <- unicode:characters_to_list(Text)]).

in_ascii(Character) when Character < 128 -> Character;
in_ascii(16#2026) -> "...";
in_ascii(Dash) when Dash =:= 16#2013; Dash =:= 16#2014 -> $-;
in_ascii(Quote) when Quote =:= 16#2018; Quote =:= 16#2019 -> $';
in_ascii(Quote) when Quote =:= 16#201C; Quote =:= 16#201D -> $";
in_ascii(16#2192) -> "->";
in_ascii(16#00A0) -> $\s;
in_ascii(Character) -> io_lib:format("\\x{~.16B}", [Character]).

%% @doc Draws a live line over the one of `Shown' characters, and returns the length of
%% the new one.
%%
%% Every terminal knows blanks and carriage returns. The last column stays free: on
%% some terminals a character there begins a new line.
%% @end
-spec live(Shown :: non_neg_integer(), Line :: binary(), Columns :: pos_integer()) ->
          {ok, non_neg_integer()} | gone.
live(Shown, Line, Columns) ->
    Cut = string:slice(translated(kazoo_numbers_line:plain(Line)), 0, Columns - 1),
    Length = string:length(Cut),
    case put_chars([$\r, Cut, lists:duplicate(max(0, Shown - Length), $\s), $\r]) of
        ok -> {ok, Length};
        gone -> gone
    end.

%% @doc Erases a live line of `Shown' characters.
-spec erase(Shown :: non_neg_integer()) -> ok | gone.
erase(0) -> ok;
erase(Shown) -> put_chars(erased(Shown)).

erased(0) -> [];
erased(Shown) -> [$\r, lists:duplicate(Shown, $\s), $\r].

%% @doc The width of the terminal; an empty map without a terminal.
-spec columns() -> #{columns => pos_integer()}.
columns() ->
    try is_there() andalso not takes_text_only() andalso io:columns() of
        {ok, Columns} -> #{columns => Columns};
        _None -> #{}
    catch
        _Class:_Reason -> #{}
    end.
