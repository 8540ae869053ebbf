%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% Made of the catalog of commands (native/core/src/command/catalog) and of
%% native/lab/cli/src/template.erl by `make generate'. Change those, not this.

%%%-----------------------------------------------------------------------------
%%% @doc The maintenance commands of Kazoo's numbers, as operators call them with
%%% `sup' and from the Erlang shell.
%%%
%%% An account is given by its id or by one of its databases, a number database
%%% as `numbers%2F%2B1415', `numbers/+1415' or `+1415', a number as anything that
%%% can be made E.164; all of them as binaries or strings.
%%%
%%% The work is done elsewhere: this module is plain Erlang, so that it can be
%%% loaded again in a running node.
%%% @end
%%%-----------------------------------------------------------------------------
-module(kazoo_numbers_maintenance).

-export([copy_accounts_to_number_dbs/0
        ,copy_accounts_to_number_dbs/1
        ,copy_single_account_to_number_dbs/1
        ,copy_number_from_accountdb_to_numbdb/2
        ,copy_numbers_from_accountdb_to_numbdbs/2
        ]).
-export([copy_number_dbs_to_accounts/0
        ,copy_number_dbs_to_accounts/1
        ,copy_single_number_db_to_accounts/1
        ,copy_assigned_number_dbs_to_account/1
        ,copy_single_assigned_number_db_to_account/2
        ,copy_number_from_db_to_assigned_account/1
        ,copy_numbers_from_dbs_to_assigned_accounts/1
        ,copy_single_number_to_account_db/2
        ]).
-export([fix_account_db_numbers/1
        ,fix_number/2
        ,fix_numbers/2
        ]).
-export([fix_apps_for_account_dbs/0
        ,fix_apps_for_account_dbs/1
        ,fix_apps_for_single_account_db/1
        ,fix_apps_for_number_dbs/0
        ,fix_apps_for_number_dbs/1
        ,fix_apps_for_single_number_db/1
        ,fix_apps_in_number_dbs_for_accounts/1
        ,fix_apps_in_number_dbs_for_single_account/1
        ,fix_numbers_apps_in_accountdb/2
        ,fix_numbers_apps_in_numbdb/1
        ,app_using/2
        ]).
-export([remove_wrong_assigned_from_accounts/0
        ,remove_wrong_assigned_from_single_accountdb/1
        ,destructively_remove_from_account_db_if_not_in_numdb/0
        ,destructively_remove_from_single_account_db_if_not_in_numdb/1
        ,destructively_remove_from_number_dbs_if_not_in_accountdb/0
        ,destructively_remove_from_single_numdb_if_not_in_accountdb/1
        ,purge_deleted/0
        ,purge_deleted/1
        ,purge_discovery/0
        ,purge_discovery/1
        ,migrate_unassigned_numbers/0
        ,migrate_unassigned_numbers/1
        ,remove_former_copies/0
        ,remove_former_copies/1
        ]).
-export([carrier_module_usage/0
        ,carrier_module_usage/1
        ,convert_carrier_module/2
        ,convert_carrier_module/3
        ,convert_carrier_module_number/2
        ]).
-export([reset_allowed_features_to_defaults_on_system_config/0
        ,all_features/0
        ,feature_permissions_on_number/1
        ,add_allowed_feature_on_number/2
        ,add_denied_feature_on_number/2
        ,remove_allowed_feature_on_number/2
        ,remove_denied_feature_on_number/2
        ,feature_permissions_on_system_config/0
        ,add_allowed_feature_on_system_config/1
        ,remove_allowed_feature_on_system_config/1
        ,ensure_adminonly_features_are_reachable/0
        ,feature_permissions_on_reseller_of/1
        ,add_allowed_feature_on_reseller_of/2
        ,add_denied_feature_on_reseller_of/2
        ,remove_allowed_feature_on_reseller_of/2
        ,remove_denied_feature_on_reseller_of/2
        ]).
-export([refresh_numbers_dbs/0
        ,refresh_numbers_db/1
        ,init_dbs/0
        ,register_views/0
        ,update_number_services_view/1
        ,generate_js_classifiers/1
        ,migrate/0
        ,migrate_port_requests/0
        ,generate_numbers/4
        ,delete/1
        ]).
-export([audit/0
        ,audit/1
        ,repair/0
        ,repair/1
        ,plan/1
        ,plan/2
        ,plan/3
        ,plan/4
        ,plans/0
        ,show_plan/1
        ,show_plan/2
        ,apply/1
        ,apply/2
        ,show/1
        ,runs/0
        ,undo/1
        ,undo/2
        ,status/0
        ,cancel/1
        ,pause/1
        ,resume/1
        ,throttle/2
        ,unlock/0
        ,unlock/1
        ,doctor/0
        ,help/0
        ,help/1
        ]).
%% Only in Erlang: they start runs of the others.
-export([dry_run/1
        ,dry_run/2
        ,dry_run/3
        ,dry_run/4
        ]).

-export_type([text/0, account/0, num/0, number_db/0]).

-type text() :: binary() | string() | atom().
-type account() :: text().
-type num() :: text() | pos_integer().
-type number_db() :: text().

%%==============================================================================
%% Copies from account databases to number databases
%%==============================================================================

%% @doc Copies all number documents of all account databases to the number
%% databases that lack them.
%% @end
-spec copy_accounts_to_number_dbs() -> 'ok' | {'no_return', pos_integer()}.
copy_accounts_to_number_dbs() ->
    call('copy_accounts_to_number_dbs', []).

%% @doc Copies all number documents of these account databases to the number
%% databases that lack them.
%% @end
-spec copy_accounts_to_number_dbs(Accounts :: [account()]) -> 'ok' | {'no_return', pos_integer()}.
copy_accounts_to_number_dbs(Accounts) ->
    call('copy_accounts_to_number_dbs', [Accounts]).

%% @doc Copies all number documents of an account database to the number
%% databases that lack them.
%% @end
-spec copy_single_account_to_number_dbs(Account :: account()) -> 'ok' | {'no_return', pos_integer()}.
copy_single_account_to_number_dbs(Account) ->
    call('copy_single_account_to_number_dbs', [Account]).

%% @doc Copies a number of an account's database to its number database, where
%% it is missing.
%% @end
-spec copy_number_from_accountdb_to_numbdb(Account :: account(), Number :: num()) ->
          'ok' | {'no_return', pos_integer()}.
copy_number_from_accountdb_to_numbdb(Account, Number) ->
    call('copy_number_from_accountdb_to_numbdb', [Account, Number]).

%% @doc Copies numbers of an account's database to their number databases, where
%% they are missing.
%% @end
-spec copy_numbers_from_accountdb_to_numbdbs(Account :: account(), Numbers :: [num()]) ->
          'ok' | {'no_return', pos_integer()}.
copy_numbers_from_accountdb_to_numbdbs(Account, Numbers) ->
    call('copy_numbers_from_accountdb_to_numbdbs', [Account, Numbers]).

%%==============================================================================
%% Copies from number databases to account databases
%%==============================================================================

%% @doc Copies all assigned numbers of all number databases to their accounts'
%% databases.
%% @end
-spec copy_number_dbs_to_accounts() -> 'ok' | {'no_return', pos_integer()}.
copy_number_dbs_to_accounts() ->
    call('copy_number_dbs_to_accounts', []).

%% @doc Copies all assigned numbers of these number databases to their accounts'
%% databases.
%% @end
-spec copy_number_dbs_to_accounts(NumberDbs :: [number_db()]) -> 'ok' | {'no_return', pos_integer()}.
copy_number_dbs_to_accounts(NumberDbs) ->
    call('copy_number_dbs_to_accounts', [NumberDbs]).

%% @doc Copies all assigned numbers of a number database to their accounts'
%% databases.
%% @end
-spec copy_single_number_db_to_accounts(NumberDb :: number_db()) -> 'ok' | {'no_return', pos_integer()}.
copy_single_number_db_to_accounts(NumberDb) ->
    call('copy_single_number_db_to_accounts', [NumberDb]).

%% @doc Copies all numbers assigned to an account from all number databases to
%% the account's database.
%% @end
-spec copy_assigned_number_dbs_to_account(Account :: account()) -> 'ok' | {'no_return', pos_integer()}.
copy_assigned_number_dbs_to_account(Account) ->
    call('copy_assigned_number_dbs_to_account', [Account]).

%% @doc Copies all numbers assigned to an account from one number database to
%% the account's database.
%% @end
-spec copy_single_assigned_number_db_to_account(Account :: account(), NumberDb :: number_db()) ->
          'ok' | {'no_return', pos_integer()}.
copy_single_assigned_number_db_to_account(Account, NumberDb) ->
    call('copy_single_assigned_number_db_to_account', [Account, NumberDb]).

%% @doc Copies a number of its number database to its account's database.
-spec copy_number_from_db_to_assigned_account(Number :: num()) -> 'ok' | {'no_return', pos_integer()}.
copy_number_from_db_to_assigned_account(Number) ->
    call('copy_number_from_db_to_assigned_account', [Number]).

%% @doc Copies numbers of their number databases to their accounts' databases.
-spec copy_numbers_from_dbs_to_assigned_accounts(Numbers :: [num()]) -> 'ok' | {'no_return', pos_integer()}.
copy_numbers_from_dbs_to_assigned_accounts(Numbers) ->
    call('copy_numbers_from_dbs_to_assigned_accounts', [Numbers]).

%% @doc DANGER: copies a number of its number database to an account's database,
%% whatever its assignment.
%% @end
-spec copy_single_number_to_account_db(Number :: num(), Account :: account()) -> {'ok' | 'error', binary()}.
copy_single_number_to_account_db(Number, Account) ->
    call('copy_single_number_to_account_db', [Number, Account]).

%%==============================================================================
%% Everything for one account
%%==============================================================================

%% @doc Fixes all numbers of an account: app usage in the number databases,
%% copies in the account's database, wrong ones removed there, services
%% reconciled.
%% @end
-spec fix_account_db_numbers(Account :: account()) -> 'ok' | {'no_return', pos_integer()}.
fix_account_db_numbers(Account) ->
    call('fix_account_db_numbers', [Account]).

%% @doc Fixes a number of an account, and removes wrong ones from its database.
-spec fix_number(Account :: account(), Number :: num()) -> 'ok' | {'no_return', pos_integer()}.
fix_number(Account, Number) ->
    call('fix_number', [Account, Number]).

%% @doc Fixes numbers of an account, and removes wrong ones from its database.
-spec fix_numbers(Account :: account(), Numbers :: [num()]) -> 'ok' | {'no_return', pos_integer()}.
fix_numbers(Account, Numbers) ->
    call('fix_numbers', [Account, Numbers]).

%%==============================================================================
%% Which application uses a number
%%==============================================================================

%% @doc Fixes which application uses a number, in all account databases.
-spec fix_apps_for_account_dbs() -> 'ok' | {'no_return', pos_integer()}.
fix_apps_for_account_dbs() ->
    call('fix_apps_for_account_dbs', []).

%% @doc Fixes which application uses a number, in these account databases.
-spec fix_apps_for_account_dbs(Accounts :: [account()]) -> 'ok' | {'no_return', pos_integer()}.
fix_apps_for_account_dbs(Accounts) ->
    call('fix_apps_for_account_dbs', [Accounts]).

%% @doc Fixes which application uses a number, in an account database.
-spec fix_apps_for_single_account_db(Account :: account()) -> 'ok' | {'no_return', pos_integer()}.
fix_apps_for_single_account_db(Account) ->
    call('fix_apps_for_single_account_db', [Account]).

%% @doc Fixes which application uses an assigned number, in all number
%% databases.
%% @end
-spec fix_apps_for_number_dbs() -> 'ok' | {'no_return', pos_integer()}.
fix_apps_for_number_dbs() ->
    call('fix_apps_for_number_dbs', []).

%% @doc Fixes which application uses an assigned number, in these number
%% databases.
%% @end
-spec fix_apps_for_number_dbs(NumberDbs :: [number_db()]) -> 'ok' | {'no_return', pos_integer()}.
fix_apps_for_number_dbs(NumberDbs) ->
    call('fix_apps_for_number_dbs', [NumberDbs]).

%% @doc Fixes which application uses an assigned number, in a number database.
-spec fix_apps_for_single_number_db(NumberDb :: number_db()) -> 'ok' | {'no_return', pos_integer()}.
fix_apps_for_single_number_db(NumberDb) ->
    call('fix_apps_for_single_number_db', [NumberDb]).

%% @doc Fixes which application uses a number, in all number databases, for
%% these accounts' numbers.
%% @end
-spec fix_apps_in_number_dbs_for_accounts(Accounts :: [account()]) -> 'ok' | {'no_return', pos_integer()}.
fix_apps_in_number_dbs_for_accounts(Accounts) ->
    call('fix_apps_in_number_dbs_for_accounts', [Accounts]).

%% @doc Fixes which application uses a number, in all number databases, for an
%% account's numbers.
%% @end
-spec fix_apps_in_number_dbs_for_single_account(Account :: account()) -> 'ok' | {'no_return', pos_integer()}.
fix_apps_in_number_dbs_for_single_account(Account) ->
    call('fix_apps_in_number_dbs_for_single_account', [Account]).

%% @doc Fixes which application uses a number, for numbers in an account's
%% database.
%% @end
-spec fix_numbers_apps_in_accountdb(Account :: account(), Numbers :: [num()]) ->
          'ok' | {'no_return', pos_integer()}.
fix_numbers_apps_in_accountdb(Account, Numbers) ->
    call('fix_numbers_apps_in_accountdb', [Account, Numbers]).

%% @doc Fixes which application uses a number, for numbers in their number
%% databases.
%% @end
-spec fix_numbers_apps_in_numbdb(Numbers :: [num()]) -> 'ok' | {'no_return', pos_integer()}.
fix_numbers_apps_in_numbdb(Numbers) ->
    call('fix_numbers_apps_in_numbdb', [Numbers]).

%% @doc Prints the application that a number is used by in an account.
-spec app_using(Number :: num(), Account :: account()) ->
          binary() | 'undefined' | {'no_return', pos_integer()}.
app_using(Number, Account) ->
    call('app_using', [Number, Account]).

%%==============================================================================
%% Numbers and fields that should not be there
%%==============================================================================

%% @doc Removes numbers that are assigned to another account, from all account
%% databases.
%% @end
-spec remove_wrong_assigned_from_accounts() -> 'ok' | {'no_return', pos_integer()}.
remove_wrong_assigned_from_accounts() ->
    call('remove_wrong_assigned_from_accounts', []).

%% @doc Removes numbers that are assigned to another account, from an account
%% database.
%% @end
-spec remove_wrong_assigned_from_single_accountdb(Account :: account()) ->
          'ok' | {'no_return', pos_integer()}.
remove_wrong_assigned_from_single_accountdb(Account) ->
    call('remove_wrong_assigned_from_single_accountdb', [Account]).

%% @doc Removes numbers from all account databases if their number databases
%% lack them. Not for production.
%% @end
-spec destructively_remove_from_account_db_if_not_in_numdb() -> 'ok' | {'no_return', pos_integer()}.
destructively_remove_from_account_db_if_not_in_numdb() ->
    call('destructively_remove_from_account_db_if_not_in_numdb', []).

%% @doc Removes numbers from an account database if their number databases lack
%% them. Not for production.
%% @end
-spec destructively_remove_from_single_account_db_if_not_in_numdb(Account :: account()) ->
          'ok' | {'no_return', pos_integer()}.
destructively_remove_from_single_account_db_if_not_in_numdb(Account) ->
    call('destructively_remove_from_single_account_db_if_not_in_numdb', [Account]).

%% @doc Removes assigned numbers from all number databases if their accounts'
%% databases lack them. Not for production.
%% @end
-spec destructively_remove_from_number_dbs_if_not_in_accountdb() -> 'ok' | {'no_return', pos_integer()}.
destructively_remove_from_number_dbs_if_not_in_accountdb() ->
    call('destructively_remove_from_number_dbs_if_not_in_accountdb', []).

%% @doc Removes assigned numbers from a number database if their accounts'
%% databases lack them. Not for production.
%% @end
-spec destructively_remove_from_single_numdb_if_not_in_accountdb(NumberDb :: number_db()) ->
          'ok' | {'no_return', pos_integer()}.
destructively_remove_from_single_numdb_if_not_in_accountdb(NumberDb) ->
    call('destructively_remove_from_single_numdb_if_not_in_accountdb', [NumberDb]).

%% @doc Removes numbers of the state deleted, from all number databases.
-spec purge_deleted() -> 'no_return' | {'no_return', pos_integer()}.
purge_deleted() ->
    call('purge_deleted', []).

%% @doc Removes numbers of the state deleted, from the number databases of a
%% prefix.
%% @end
-spec purge_deleted(Prefix :: text()) -> 'no_return' | {'no_return', pos_integer()}.
purge_deleted(Prefix) ->
    call('purge_deleted', [Prefix]).

%% @doc Removes numbers of the state discovery, from all number databases.
-spec purge_discovery() -> 'no_return' | {'no_return', pos_integer()}.
purge_discovery() ->
    call('purge_discovery', []).

%% @doc Removes numbers of the state discovery, from the number databases of a
%% prefix.
%% @end
-spec purge_discovery(Prefix :: text()) -> 'no_return' | {'no_return', pos_integer()}.
purge_discovery(Prefix) ->
    call('purge_discovery', [Prefix]).

%% @doc Removes pvt_used_by, and the features that are denied, from unassigned
%% numbers in all number databases.
%% @end
-spec migrate_unassigned_numbers() -> 'ok' | {'no_return', pos_integer()}.
migrate_unassigned_numbers() ->
    call('migrate_unassigned_numbers', []).

%% @doc Removes pvt_used_by, and the features that are denied, from unassigned
%% numbers in a number database, or from one number.
%% @end
-spec migrate_unassigned_numbers(NumberDbOrNumber :: number_db() | num()) ->
          'ok' | {'no_return', pos_integer()}.
migrate_unassigned_numbers(NumberDbOrNumber) ->
    call('migrate_unassigned_numbers', [NumberDbOrNumber]).

%% @doc Removes copies of numbers that now belong to another account or to
%% nobody from all account databases.
%% @end
-spec remove_former_copies() -> 'ok' | {'no_return', pos_integer()}.
remove_former_copies() ->
    call('remove_former_copies', []).

%% @doc Removes copies of numbers that now belong to another account or to
%% nobody from an account database.
%% @end
-spec remove_former_copies(Account :: account()) -> 'ok' | {'no_return', pos_integer()}.
remove_former_copies(Account) ->
    call('remove_former_copies', [Account]).

%%==============================================================================
%% Carrier modules
%%==============================================================================

%% @doc Counts the numbers of each carrier module, in all number databases.
-spec carrier_module_usage() -> 'ok' | {'no_return', pos_integer()}.
carrier_module_usage() ->
    call('carrier_module_usage', []).

%% @doc Counts the numbers of each carrier module, in the number databases of a
%% prefix.
%% @end
-spec carrier_module_usage(Prefix :: text()) -> 'ok' | {'no_return', pos_integer()}.
carrier_module_usage(Prefix) ->
    call('carrier_module_usage', [Prefix]).

%% @doc Converts the numbers of one carrier module to another, in all number
%% databases.
%% @end
-spec convert_carrier_module(Source :: text(), Target :: text()) -> 'ok' | {'no_return', pos_integer()}.
convert_carrier_module(Source, Target) ->
    call('convert_carrier_module', [Source, Target]).

%% @doc Converts the numbers of one carrier module to another, in the number
%% databases of a prefix.
%% @end
-spec convert_carrier_module(Source :: text(), Target :: text(), Prefix :: text()) ->
          'ok' | {'no_return', pos_integer()}.
convert_carrier_module(Source, Target, Prefix) ->
    call('convert_carrier_module', [Source, Target, Prefix]).

%% @doc Converts a number to another carrier module.
-spec convert_carrier_module_number(Number :: num(), Target :: text()) -> 'ok' | {'no_return', pos_integer()}.
convert_carrier_module_number(Number, Target) ->
    call('convert_carrier_module_number', [Number, Target]).

%%==============================================================================
%% Features
%%==============================================================================

%% @doc Sets the features that the system config allows to the ten defaults.
-spec reset_allowed_features_to_defaults_on_system_config() -> 'no_return' | {'no_return', pos_integer()}.
reset_allowed_features_to_defaults_on_system_config() ->
    call('reset_allowed_features_to_defaults_on_system_config', []).

%% @doc Lists the features that there are.
-spec all_features() -> 'no_return' | {'no_return', pos_integer()}.
all_features() ->
    call('all_features', []).

%% @doc Shows which features are allowed and denied on a number.
-spec feature_permissions_on_number(Number :: num()) -> 'no_return' | {'no_return', pos_integer()}.
feature_permissions_on_number(Number) ->
    call('feature_permissions_on_number', [Number]).

%% @doc Adds a feature to those allowed on a number.
-spec add_allowed_feature_on_number(Feature :: text(), Number :: num()) ->
          'no_return' | {'no_return', pos_integer()}.
add_allowed_feature_on_number(Feature, Number) ->
    call('add_allowed_feature_on_number', [Feature, Number]).

%% @doc Adds a feature to those denied on a number.
-spec add_denied_feature_on_number(Feature :: text(), Number :: num()) ->
          'no_return' | {'no_return', pos_integer()}.
add_denied_feature_on_number(Feature, Number) ->
    call('add_denied_feature_on_number', [Feature, Number]).

%% @doc Removes a feature from those allowed on a number.
-spec remove_allowed_feature_on_number(Feature :: text(), Number :: num()) ->
          'no_return' | {'no_return', pos_integer()}.
remove_allowed_feature_on_number(Feature, Number) ->
    call('remove_allowed_feature_on_number', [Feature, Number]).

%% @doc Removes a feature from those denied on a number.
-spec remove_denied_feature_on_number(Feature :: text(), Number :: num()) ->
          'no_return' | {'no_return', pos_integer()}.
remove_denied_feature_on_number(Feature, Number) ->
    call('remove_denied_feature_on_number', [Feature, Number]).

%% @doc Shows which features the system config allows.
-spec feature_permissions_on_system_config() -> 'no_return' | {'no_return', pos_integer()}.
feature_permissions_on_system_config() ->
    call('feature_permissions_on_system_config', []).

%% @doc Adds a feature to those that the system config allows.
-spec add_allowed_feature_on_system_config(Feature :: text()) -> 'no_return' | {'no_return', pos_integer()}.
add_allowed_feature_on_system_config(Feature) ->
    call('add_allowed_feature_on_system_config', [Feature]).

%% @doc Removes a feature from those that the system config allows.
-spec remove_allowed_feature_on_system_config(Feature :: text()) ->
          'no_return' | {'no_return', pos_integer()}.
remove_allowed_feature_on_system_config(Feature) ->
    call('remove_allowed_feature_on_system_config', [Feature]).

%% @doc Adds carrier_name to the features that the system config allows, where
%% it is missing.
%% @end
-spec ensure_adminonly_features_are_reachable() -> 'no_return' | {'no_return', pos_integer()}.
ensure_adminonly_features_are_reachable() ->
    call('ensure_adminonly_features_are_reachable', []).

%% @doc Shows which features are allowed and denied by an account's reseller.
-spec feature_permissions_on_reseller_of(Account :: account()) -> 'no_return' | {'no_return', pos_integer()}.
feature_permissions_on_reseller_of(Account) ->
    call('feature_permissions_on_reseller_of', [Account]).

%% @doc Adds a feature to those allowed by an account's reseller.
-spec add_allowed_feature_on_reseller_of(Feature :: text(), Account :: account()) ->
          'no_return' | {'no_return', pos_integer()}.
add_allowed_feature_on_reseller_of(Feature, Account) ->
    call('add_allowed_feature_on_reseller_of', [Feature, Account]).

%% @doc Adds a feature to those denied by an account's reseller.
-spec add_denied_feature_on_reseller_of(Feature :: text(), Account :: account()) ->
          'no_return' | {'no_return', pos_integer()}.
add_denied_feature_on_reseller_of(Feature, Account) ->
    call('add_denied_feature_on_reseller_of', [Feature, Account]).

%% @doc Removes a feature from those allowed by an account's reseller.
-spec remove_allowed_feature_on_reseller_of(Feature :: text(), Account :: account()) ->
          'no_return' | {'no_return', pos_integer()}.
remove_allowed_feature_on_reseller_of(Feature, Account) ->
    call('remove_allowed_feature_on_reseller_of', [Feature, Account]).

%% @doc Removes a feature from those denied by an account's reseller.
-spec remove_denied_feature_on_reseller_of(Feature :: text(), Account :: account()) ->
          'no_return' | {'no_return', pos_integer()}.
remove_denied_feature_on_reseller_of(Feature, Account) ->
    call('remove_denied_feature_on_reseller_of', [Feature, Account]).

%%==============================================================================
%% Commands that need a running Kazoo
%%==============================================================================

%% @doc Brings the design documents of all number databases up to date.
-spec refresh_numbers_dbs() -> 'ok' | {'no_return', pos_integer()}.
refresh_numbers_dbs() ->
    call('refresh_numbers_dbs', []).

%% @doc Brings the design documents of a number database up to date.
-spec refresh_numbers_db(NumberDb :: number_db()) -> 'ok' | {'no_return', pos_integer()}.
refresh_numbers_db(NumberDb) ->
    call('refresh_numbers_db', [NumberDb]).

%% @doc Creates the databases that numbers need.
-spec init_dbs() -> 'ok' | {'no_return', pos_integer()}.
init_dbs() ->
    call('init_dbs', []).

%% @doc Registers the views that numbers need.
-spec register_views() -> 'ok' | {'no_return', pos_integer()}.
register_views() ->
    call('register_views', []).

%% @doc Brings the view that counts an account's numbers for its services up to
%% date.
%% @end
-spec update_number_services_view(Account :: account()) -> 'no_return' | {'no_return', pos_integer()}.
update_number_services_view(Account) ->
    call('update_number_services_view', [Account]).

%% @doc Makes the JavaScript that classifies numbers in views.
-spec generate_js_classifiers(Match :: fun((Class :: binary()) -> iodata())) ->
          iolist() | {'no_return', pos_integer()}.
generate_js_classifiers(Match) ->
    call('generate_js_classifiers', [Match]).

%% @doc Runs the migrations of number documents.
-spec migrate() -> 'ok' | {'no_return', pos_integer()}.
migrate() ->
    call('migrate', []).

%% @doc Runs the migrations of port requests.
-spec migrate_port_requests() -> 'ok' | {'no_return', pos_integer()}.
migrate_port_requests() ->
    call('migrate_port_requests', []).

%% @doc Generates numbers for tests.
-spec generate_numbers(Type :: text(), Account :: account(), StartingNumber :: text() | pos_integer(), Quantity :: text() | non_neg_integer()) ->
          any().
generate_numbers(Type, Account, StartingNumber, Quantity) ->
    call('generate_numbers', [Type, Account, StartingNumber, Quantity]).

%% @doc Deletes a number.
-spec delete(Number :: num()) -> 'no_return' | {'no_return', pos_integer()}.
delete(Number) ->
    call('delete', [Number]).

%%==============================================================================
%% Audit, undo, runs in progress, help
%%==============================================================================

%% @doc Reports which numbers are in sync and which have drifted, with the
%% command that repairs each kind of drift.
%% @end
-spec audit() -> 'ok' | {'no_return', pos_integer()}.
audit() ->
    call('audit', []).

%% @doc Reports which numbers have drifted in accounts, in number databases, or
%% some numbers, with the command that repairs each kind of drift.
%% @end
-spec audit(Parts :: account() | number_db() | num() | [account() | number_db() | num()]) ->
          'ok' | {'no_return', pos_integer()}.
audit(Parts) ->
    call('audit', [Parts]).

%% @doc Repairs all drift of the whole cluster that can be decided, in the right
%% order, and reports what is left to you.
%% @end
-spec repair() -> 'ok' | {'no_return', pos_integer()}.
repair() ->
    call('repair', []).

%% @doc Repairs all drift of accounts, number databases or numbers that can be
%% decided, and reports what is left to you.
%% @end
-spec repair(Parts :: account() | number_db() | num() | [account() | number_db() | num()]) ->
          'ok' | {'no_return', pos_integer()}.
repair(Parts) ->
    call('repair', [Parts]).

%% @doc Plans a function: saves exactly what it would change, and changes
%% nothing.
%% @end
-spec plan(Function :: text()) -> 'ok' | {'no_return', pos_integer()}.
plan(Function) ->
    call('plan', [Function]).

%% @doc Plans a function: saves exactly what it would change, and changes
%% nothing.
%% @end
-spec plan(Function :: text(), A1 :: any()) -> 'ok' | {'no_return', pos_integer()}.
plan(Function, A1) ->
    call('plan', [Function, A1]).

%% @doc Plans a function: saves exactly what it would change, and changes
%% nothing.
%% @end
-spec plan(Function :: text(), A1 :: any(), A2 :: any()) -> 'ok' | {'no_return', pos_integer()}.
plan(Function, A1, A2) ->
    call('plan', [Function, A1, A2]).

%% @doc Plans a function: saves exactly what it would change, and changes
%% nothing.
%% @end
-spec plan(Function :: text(), A1 :: any(), A2 :: any(), A3 :: any()) -> 'ok' | {'no_return', pos_integer()}.
plan(Function, A1, A2, A3) ->
    call('plan', [Function, A1, A2, A3]).

%% @doc Lists the saved plans.
-spec plans() -> 'ok' | {'no_return', pos_integer()}.
plans() ->
    call('plans', []).

%% @doc Shows the totals of a plan: by reason, by field and by database.
-spec show_plan(Plan :: text()) -> 'ok' | {'no_return', pos_integer()}.
show_plan(Plan) ->
    call('show_plan', [Plan]).

%% @doc Shows the totals of a plan, then each document with its old and new
%% values.
%% @end
-spec show_plan(Plan :: text(), Full :: text() | 'full') -> 'ok' | {'no_return', pos_integer()}.
show_plan(Plan, Full) ->
    call('show_plan', [Plan, Full]).

%% @doc Makes exactly the changes of a plan. If a document changed since,
%% nothing is changed.
%% @end
-spec apply(Plan :: text()) -> 'ok' | {'no_return', pos_integer()}.
apply(Plan) ->
    call('apply', [Plan]).

%% @doc Makes the changes of a plan, except those of documents that changed
%% since.
%% @end
-spec apply(Plan :: text(), SkipStale :: text() | 'skip_stale') -> 'ok' | {'no_return', pos_integer()}.
apply(Plan, SkipStale) ->
    call('apply', [Plan, SkipStale]).

%% @doc Shows a number's documents in all databases, what uses it, and which
%% command repairs its drift.
%% @end
-spec show(Number :: num()) -> 'ok' | {'no_return', pos_integer()}.
show(Number) ->
    call('show', [Number]).

%% @doc Lists the runs that can be undone, with cluster, user, counts and state.
-spec runs() -> 'ok' | {'no_return', pos_integer()}.
runs() ->
    call('runs', []).

%% @doc Restores the documents that a run changed, unless another writer changed
%% them since.
%% @end
-spec undo(Run :: text()) -> 'ok' | {'no_return', pos_integer()}.
undo(Run) ->
    call('undo', [Run]).

%% @doc Restores the documents of a run on another cluster, or of a run that was
%% undone before, if they are as the run left them.
%% @end
-spec undo(Run :: text(), Insistence :: text() | 'any_cluster' | 'again') ->
          'ok' | {'no_return', pos_integer()}.
undo(Run, Insistence) ->
    call('undo', [Run, Insistence]).

%% @doc Lists the runs in progress in this node, and those of all nodes that
%% hold the cluster lock or wait for it.
%% @end
-spec status() -> 'ok' | {'no_return', pos_integer()}.
status() ->
    with_library('kazoo_numbers_control', 'status', []).

%% @doc Stops a run: the requests in flight are finished, and nothing more is
%% written.
%% @end
-spec cancel(Run :: text()) -> 'ok' | {'no_return', pos_integer()}.
cancel(Run) ->
    with_library('kazoo_numbers_control', 'cancel', [Run]).

%% @doc Pauses a run: the requests in flight are finished, and it keeps its
%% lock.
%% @end
-spec pause(Run :: text()) -> 'ok' | {'no_return', pos_integer()}.
pause(Run) ->
    with_library('kazoo_numbers_control', 'pause', [Run]).

%% @doc Continues a run that was paused.
-spec resume(Run :: text()) -> 'ok' | {'no_return', pos_integer()}.
resume(Run) ->
    with_library('kazoo_numbers_control', 'resume', [Run]).

%% @doc Limits the requests that a run sends in a second; off ends the limit.
-spec throttle(Run :: text(), Requests :: text() | number()) -> 'ok' | {'no_return', pos_integer()}.
throttle(Run, Requests) ->
    with_library('kazoo_numbers_control', 'throttle', [Run, Requests]).

%% @doc Removes the cluster lock of a run that died. It watches the lock for
%% some seconds, and refuses if the run is alive.
%% @end
-spec unlock() -> 'ok' | {'no_return', pos_integer()}.
unlock() ->
    call('unlock', []).

%% @doc Removes the cluster lock at once, of a run that is alive, too. That run
%% stops within 30 seconds.
%% @end
-spec unlock(Anyway :: text() | 'anyway') -> 'ok' | {'no_return', pos_integer()}.
unlock(Anyway) ->
    call('unlock', [Anyway]).

%% @doc Checks whether functions can work here: connection, rights, nodes,
%% proxy, indexes, settings, lock, journal. Says what to do.
%% @end
-spec doctor() -> 'ok' | {'no_return', pos_integer()}.
doctor() ->
    with_library('kazoo_numbers_doctor', 'doctor', []).

%% @doc Lists the functions.
-spec help() -> 'no_return' | {'no_return', pos_integer()}.
help() ->
    call('help', []).

%% @doc Explains a function: its arguments, whether it deletes, and an example.
-spec help(Function :: text()) -> 'no_return' | {'no_return', pos_integer()}.
help(Function) ->
    call('help', [Function]).

%%==============================================================================
%% Only in Erlang
%%==============================================================================

%% @doc Lists what a function would create, update and delete, and writes
%% nothing.
%% @end
-spec dry_run(Function :: text()) -> any().
dry_run(Function) ->
    planned(Function, []).

%% @doc Lists what a function with an argument would do.
-spec dry_run(Function :: text(), A1 :: any()) -> any().
dry_run(Function, A1) ->
    planned(Function, [A1]).

%% @doc Lists what a function with two arguments would do.
-spec dry_run(Function :: text(), A1 :: any(), A2 :: any()) -> any().
dry_run(Function, A1, A2) ->
    planned(Function, [A1, A2]).

%% @doc Lists what a function with three arguments would do.
-spec dry_run(Function :: text(), A1 :: any(), A2 :: any(), A3 :: any()) -> any().
dry_run(Function, A1, A2, A3) ->
    planned(Function, [A1, A2, A3]).

%%==============================================================================
%% Calling the library
%%==============================================================================

call(Function, Arguments) ->
    with_library('kazoo_numbers_job', 'run', [Function, Arguments]).

planned(Function, Arguments) ->
    with_library('kazoo_numbers_job', 'dry_run', [Function, Arguments]).

with_library(Module, Function, Arguments) ->
    case library() of
        'ok' -> apply(Module, Function, Arguments);
        {'error', Line} ->
            _ = try io:put_chars([Line, $\n]) catch _:_ -> 'ok' end,
            {'no_return', 1}
    end.

%% Where this module was put into the folder of another application, or the node
%% runs in embedded mode, nothing else has loaded the modules that it calls.
library() ->
    _ = application:load('kazoo_numbers_maintenance'),
    case erlang:module_loaded('kazoo_numbers_job')
        orelse is_loaded(code:ensure_loaded('kazoo_numbers_job'))
    of
        'true' -> 'ok';
        'false' -> load(library_dirs())
    end.

load([]) ->
    {'error', "error: cannot find the application kazoo_numbers_maintenance next to this module's\n"
              "hint: 'kazoo-embed install' puts it there"};
load([Dir | Dirs]) ->
    Ebin = filename:join(Dir, "ebin"),
    _ = code:add_pathz(Ebin),
    _ = application:load('kazoo_numbers_maintenance'),
    Beams = filelib:wildcard(filename:join(Ebin, "kazoo_numbers_*.beam")),
    Modules = [list_to_atom(filename:basename(Beam, ".beam")) || Beam <- Beams] -- [?MODULE],
    _ = [code:load_file(Module) || Module <- Modules, not erlang:module_loaded(Module)],
    case erlang:module_loaded('kazoo_numbers_job') of
        'true' -> 'ok';
        'false' -> load(Dirs)
    end.

is_loaded({'module', _Module}) -> 'true';
is_loaded({'error', _Reason}) -> 'false'.

library_dirs() ->
    known(code:lib_dir('kazoo_numbers_maintenance')) ++ siblings(code:which(?MODULE)).

known({'error', 'bad_name'}) -> [];
known(Dir) -> [Dir].

%% The applications of a release are in one folder, their names with a version.
siblings(Beam) when is_list(Beam) ->
    Lib = filename:dirname(filename:dirname(filename:dirname(filename:absname(Beam)))),
    lists:reverse(lists:sort(filelib:wildcard(filename:join(Lib, "kazoo_numbers_maintenance*"))));
siblings(_NoFile) -> [].
